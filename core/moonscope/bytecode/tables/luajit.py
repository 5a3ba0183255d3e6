"""LuaJIT 2.0 and 2.1: instruction sets (facts: lj_bc.h of both; tests ask `jit.util` of both runtimes)."""

from __future__ import annotations

from dataclasses import replace

from ...model import LuaVersion
from ..dialect import Dialect
from ..formats import FORMAT_LUAJIT
from ..layout import Layout
from ..reader import LebCursor

OPCODES = """
    rA rD     | skip                                |              : ISLT ISGE ISLE ISGT ISEQV ISNEV
    rA kD     | skip                                |              : ISEQS ISNES
    rA mD     | skip                                |              : ISEQN ISNEN
    rA yD     | skip                                |              : ISEQP ISNEP
    rA rD     | A = ?; skip                         |              : ISTC ISFC
    rD        | skip                                |              : IST ISF
    rA rD     | A = D                               |              : MOV
    rA rD     | A = ?                               |              : NOT UNM LEN
    rA rB mC  | A = ?                               |              : ADDVN SUBVN MULVN DIVVN MODVN
    rA rB mC  | A = ?                               |              : ADDNV SUBNV MULNV DIVNV MODNV
    rA rB rC  | A = ?                               |              : ADDVV SUBVV MULVV DIVVV MODVV POW
    rA rB rC  | A = ?                               |              : CAT
    rA kD     | A = D                               |              : KSTR
    rA oD     | A = D                               |              : KCDATA
    rA isD    | A = sD                              |              : KSHORT
    rA mD     | A = D                               |              : KNUM
    rA yD     | A = ?                               |              : KPRI
    rA rD     | A..D = ?                            |              : KNIL
    rA uD     | A = D                               |              : UGET
    uA rD     | A = D                               |              : USETV
    uA kD     | A = D                               |              : USETS
    uA mD     | A = D                               |              : USETN
    uA yD     | A = D                               |              : USETP
    rA jJ     | to pc + 1 + J; stop                 |              : UCLO
    rA pD     | A = D                               |              : FNEW
    rA nD     | A = ?                               | slots        : TNEW
    rA oD     | A = ?                               |              : TDUP
    rA kD     | A = G[D]                            |              : GGET
    rA kD     | G[D] = A                            |              : GSET
    rA rB rC  | A = B[C]                            |              : TGETV
    rA rB kC  | A = B[C]                            |              : TGETS
    rA rB nC  | A = B[C]                            |              : TGETB
    rA rB rC  | B[C] = A                            |              : TSETV
    rA rB kC  | B[C] = A                            |              : TSETS
    rA rB nC  | B[C] = A                            |              : TSETB
    rA mD     | give A, -1                          | index        : TSETM
    rA nB nC  | call A, -1                          | all in, B out : CALLM
    rA nB nC  | call A, C-1                         | C in, B out  : CALL
    rA nD     | call A, -1; give A, 1; stop         | all in       : CALLMT
    rA nD     | call A, D-1; give A, 1; stop        | D in         : CALLT
    rA nB nC  | A.. = ?                             | B out        : ITERC ITERN
    rA nB nC  | A..A+B-2 = ?                        | B out        : VARG
    rA jJ     | to pc + 1 + J; stop                 |              : ISNEXT
    rA nD     | give A, -1; stop                    | all out      : RETM
    rA nD     | give A, D-1; stop                   | D out        : RET
    rA nD     | stop                                |              : RET0
    rA nD     | give A, 1; stop                     |              : RET1
    rA jJ     | A..A+3 = ?; to pc + 1 + J           |              : FORI JFORI FORL IFORL
    rA nD     | A..A+3 = ?                          |              : JFORL
    rA jJ     | A..A+3 = ?; to pc + 1 + J           |              : ITERL IITERL
    rA nD     | A..A+3 = ?                          |              : JITERL
    rA jJ     |                                     |              : LOOP ILOOP
    rA nD     |                                     |              : JLOOP
    rA jJ     | to pc + 1 + J; stop                 |              : JMP
    rA        |                                     |              : FUNCF IFUNCF
    rA nD     |                                     |              : JFUNCF
    rA        |                                     |              : FUNCV IFUNCV
    rA nD     |                                     |              : JFUNCV
    rA        |                                     |              : FUNCC FUNCCW
"""
"""Of 2.0. The operand of a LOOP tells where the loop ends; it does not jump there."""
ONLY_21 = """
    after ISF
    rA nD     |                                     |              : ISTYPE ISNUM
    after TGETB
    rA rB rC  | A = B[C]                            |              : TGETR
    after TSETM
    rA rB rC  | B[C] = A                            |              : TSETR
"""


LUAJIT20 = Dialect(
    Layout(
        lua=LuaVersion.LUAJIT20,
        cursor=LebCursor,
        header=(),
        leading_upvalues=False,
        tags={},
        upvalue_bytes=2,
        line_bytes=4,
        sections=(),  # `luajit` reads its functions, which stand in another order
    ),
    FORMAT_LUAJIT,
    OPCODES,
    float_format="%.14g",
    integers=False,
    header_bytes=64,
    upvalue_bytes=2,
    has_environments=True,
    vararg_mask=0x02,
)
LUAJIT21 = replace(
    LUAJIT20,
    layout=replace(LUAJIT20.layout, lua=LuaVersion.LUAJIT21),
    table=ONLY_21,
    base=LUAJIT20,
    header_bytes=104,
    first_argument=2,
)
