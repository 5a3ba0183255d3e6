"""Lua 5.1: dump layout and instruction set (facts: ldump.c, lopcodes.h, print.c of 5.1.5)."""

from __future__ import annotations

from ...model import LuaVersion
from ..dialect import Dialect
from ..formats import FORMAT_51
from ..layout import Layout, sections
from ..reader import FixedCursor

OPCODES = """
    rA rB      | A = B                              |          : MOVE
    rA kBx     | A = Bx                             |          : LOADK
    rA iB fC   | A = ?; to pc + 2 if C              |          : LOADBOOL
    rA rB      | A..B = ?                           |          : LOADNIL
    rA uB      | A = B                              |          : GETUPVAL
    rA kBx     | A = G[Bx]                          | unquoted : GETGLOBAL
    rA rB xC   | A = B[C]                           |          : GETTABLE
    rA kBx     | G[Bx] = A                          | unquoted : SETGLOBAL
    rA uB      | B = A                              |          : SETUPVAL
    rA xB xC   | A[B] = C                           | pair     : SETTABLE
    rA nB nC   | A = ?                              |          : NEWTABLE
    rA rB xC   | A+1 = B; A = B[C]                  |          : SELF
    rA xB xC   | A = ?                              | pair     : ADD SUB MUL DIV MOD* POW
    rA rB      | A = ?                              |          : UNM NOT LEN
    rA rB rC   | A = ?                              |          : CONCAT
    jsBx       | to pc + 1 + sBx; stop              | to       : JMP
    fA xB xC   | skip                               | pair     : EQ LT LE
    rA iB fC   | skip                               |          : TEST
    rA rB fC   | A = ?; skip                        |          : TESTSET
    rA nB nC   | call A, B-1                        |          : CALL TAILCALL
    rA nB      | give A, B-1; stop                  |          : RETURN
    rA jsBx    | A..A+3 = ?; to pc + 1 + sBx        | to       : FORLOOP FORPREP
    rA nC      | A.. = ?; skip                      |          : TFORLOOP
    rA nB nC   | give A+1, B or -1                  | block    : SETLIST
    rA         |                                    |          : CLOSE
    rA pBx     | A = Bx                             |          : CLOSURE
    rA nB      | A..A+B-2 = ?                       |          : VARARG
"""

LUA51 = Dialect(
    Layout(
        lua=LuaVersion.LUA51,
        cursor=FixedCursor,
        header=(
            (b"\x1bLua\x51\0", "version"),
            (b"\x01", "byte order"),
            (b"\x04\x08\x04\x08\0", "size of a number"),
        ),
        leading_upvalues=False,
        tags={0: "nil", 1: "boolean", 3: "number", 4: "string"},
        upvalue_bytes=0,
        line_bytes=4,
        sections=sections(
            "source lines upvalue_count frame code constants children line_info local_variables upvalue_names"
        ),
    ),
    FORMAT_51,
    OPCODES,
    float_format="%.14g",
    integers=False,
    header_bytes=120,
    upvalue_bytes=8,
    data_in_code=True,
    has_environments=True,
    first_constant=1,
)
