"""Lua 5.4: dump layout and instruction set (facts: ldump.c, lopcodes.h of 5.4.8; luac of 5.4)."""

from __future__ import annotations

from ...model import LuaVersion
from ..dialect import Dialect
from ..formats import FORMAT_54
from ..layout import Layout, sections
from ..reader import VarintCursor

TAGS = {0x00: "nil", 0x01: "false", 0x11: "true", 0x03: "integer", 0x13: "number", 0x04: "string", 0x14: "string"}
OPCODES = """
    rA rB        | A = B                            |             : MOVE
    rA isBx      | A = sBx                          |             : LOADI LOADF
    rA kBx       | A = Bx                           |             : LOADK
    rA           | A = ?                            | extra       : LOADKX
    rA           | A = ?                            |             : LOADFALSE
    rA           | A = ?; to pc + 2; stop           |             : LFALSESKIP
    rA           | A = ?                            |             : LOADTRUE
    rA nB        | A..A+B = ?                       | B+1 out     : LOADNIL
    rA uB        | A = B                            |             : GETUPVAL
    rA uB        | B = A                            |             : SETUPVAL
    rA uB kC     | A = B[C]                         |             : GETTABUP
    rA rB rC     | A = B[C]                         |             : GETTABLE
    rA rB iC     | A = B[C]                         |             : GETI
    rA rB kC     | A = B[C]                         |             : GETFIELD
    uA kB xC lk  | A[B] = C                         |             : SETTABUP
    rA rB xC lk  | A[B] = C                         |             : SETTABLE
    rA iB xC lk  | A[B] = C                         |             : SETI
    rA kB xC lk  | A[B] = C                         |             : SETFIELD
    rA nB nC     | A = ?                            | size 8      : NEWTABLE
    rA rB xC lk  | A+1 = B; A = B[C]                |             : SELF
    rA rB isC    | A = ?                            |             : ADDI
    rA rB kC     | A = ?                            |             : ADDK SUBK MULK MODK POWK DIVK IDIVK BANDK BORK BXORK
    rA rB isC    | A = ?                            |             : SHRI SHLI
    rA rB rC     | A = ?                            |             : ADD SUB MUL MOD POW DIV IDIV BAND BOR BXOR SHL SHR
    rA rB vC     |                                  |             : MMBIN
    rA isB vC fk |                                  | C, flip     : MMBINI
    rA kB vC fk  |                                  | C, B, flip  : MMBINK
    rA rB        | A = ?                            |             : UNM BNOT NOT LEN
    rA nB        | A..A+B-1 = ?                     |             : CONCAT
    rA           |                                  |             : CLOSE TBC
    jsJ          | to pc + 1 + sJ; stop             | to          : JMP
    rA rB fk     | skip                             |             : EQ LT LE
    rA kB fk     | skip                             |             : EQK
    rA isB fk    | skip                             |             : EQI LTI LEI GTI GEI
    rA fk        | skip                             |             : TEST
    rA rB fk     | A = ?; skip                      |             : TESTSET
    rA nB nC     | call A, B-1                      | B in, C out : CALL
    rA nB nC lk  | call A, B-1                      | B-1 in      : TAILCALL
    rA nB nC lk  | give A, B-1; stop                | B out       : RETURN
                 | stop                             |             : RETURN0
    rA           | give A, 1; stop                  |             : RETURN1
    rA jBx       | A..A+3 = ?; to pc + 1 - Bx       | to          : FORLOOP
    rA jBx       | A..A+3 = ?; to pc + 2 + Bx       | exit to     : FORPREP
    rA jBx       | A.. = ?; to pc + 1 + Bx; stop    | to          : TFORPREP
    rA nC        | A.. = ?                          |             : TFORCALL
    rA jBx       | A.. = ?; to pc + 1 - Bx          | to          : TFORLOOP
    rA nB nC     | give A+1, B or -1                | offset 8    : SETLIST
    rA pBx       | A = Bx                           |             : CLOSURE
    rA nC        | A..A+C-2 = ?                     | C out       : VARARG
    nA           |                                  |             : VARARGPREP
    iAx          |                                  |             : EXTRAARG
"""

LUA54 = Dialect(
    Layout(
        lua=LuaVersion.LUA54,
        cursor=VarintCursor,
        header=(
            (b"\x1bLua\x54\0", "version"),
            (b"\x19\x93\r\n\x1a\n", "guard against text conversion"),
            (b"\x04\x08\x08", "size of a number"),
            (b"\x78\x56\0\0\0\0\0\0", "byte order"),
            (b"\0\0\0\0\0\x28\x77\x40", "format of a float"),
        ),
        leading_upvalues=True,
        tags=TAGS,
        upvalue_bytes=3,
        line_bytes=1,
        sections=sections(
            "source lines frame code constants upvalues children line_info varint_line_marks local_variables "
            "upvalue_names"
        ),
    ),
    FORMAT_54,
    OPCODES,
    float_format="%.14g",
    integers=True,
    header_bytes=128,
    upvalue_bytes=16,
    lists_types=True,
)
