"""LuaJIT 2.0 and 2.1: instruction sets (facts: lj_bc.h of both; tests ask `jit.util` of both runtimes).

An instruction has an operand A and either B and C or D. What an operand is, its mode, is named as LuaJIT does:

    dst var base rbase  a register that is written, read, the first of several, the first of several and not written
    uv                  an upvalue                     lit lits   a number without and with sign
    pri                 nil, false or true             jump       an offset
    str tab cdata func  an object of the function      num        a number of the function

Objects and numbers are two lists in LuaJIT and one here, objects first; nested functions are among the objects and
have a list of their own here. An operand is told as the place in that list; -1 - n when there is no object n.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...model import LuaVersion
from ..dialect import Dialect
from ..layout import Layout
from ..opcodes import JIT, Meaning, Opcode, Operands, Place, Scope, child, constant, forward, join, results, upvalue
from ..reader import LebCursor

_OPCODES = """
    var   -     var   : ISLT ISGE ISLE ISGT ISEQV ISNEV
    var   -     str   : ISEQS ISNES
    var   -     num   : ISEQN ISNEN
    var   -     pri   : ISEQP ISNEP
    dst   -     var   : ISTC ISFC
    -     -     var   : IST ISF
    var   -     lit   : +ISTYPE +ISNUM
    dst   -     var   : MOV NOT UNM LEN
    dst   var   num   : ADDVN SUBVN MULVN DIVVN MODVN ADDNV SUBNV MULNV DIVNV MODNV
    dst   var   var   : ADDVV SUBVV MULVV DIVVV MODVV POW
    dst   rbase rbase : CAT
    dst   -     str   : KSTR
    dst   -     cdata : KCDATA
    dst   -     lits  : KSHORT
    dst   -     num   : KNUM
    dst   -     pri   : KPRI
    base  -     base  : KNIL
    dst   -     uv    : UGET
    uv    -     var   : USETV
    uv    -     str   : USETS
    uv    -     num   : USETN
    uv    -     pri   : USETP
    rbase -     jump  : UCLO
    dst   -     func  : FNEW
    dst   -     lit   : TNEW
    dst   -     tab   : TDUP
    dst   -     str   : GGET
    var   -     str   : GSET
    dst   var   var   : TGETV
    dst   var   str   : TGETS
    dst   var   lit   : TGETB
    dst   var   var   : +TGETR
    var   var   var   : TSETV
    var   var   str   : TSETS
    var   var   lit   : TSETB
    base  -     num   : TSETM
    var   var   var   : +TSETR
    base  lit   lit   : CALLM CALL
    base  -     lit   : CALLMT CALLT
    base  lit   lit   : ITERC ITERN VARG
    base  -     jump  : ISNEXT
    base  -     lit   : RETM
    rbase -     lit   : RET RET0 RET1
    base  -     jump  : FORI JFORI FORL IFORL
    base  -     lit   : JFORL
    base  -     jump  : ITERL IITERL
    base  -     lit   : JITERL
    rbase -     jump  : LOOP ILOOP
    rbase -     lit   : JLOOP
    rbase -     jump  : JMP
    rbase -     -     : FUNCF IFUNCF
    rbase -     lit   : JFUNCF
    rbase -     -     : FUNCV IFUNCV
    rbase -     lit   : JFUNCV
    rbase -     -     : FUNCC FUNCCW
"""
"""Modes of A, B, and C or D; the opcodes in the order of their numbers; + marks those that only 2.1 has."""

_NO_JUMP = frozenset({"LOOP", "ILOOP"})
"""The operand tells where the loop ends; the instruction goes on with the next one."""


def _primitive(at: int) -> Meaning:
    names = ("nil", "false", "true")
    return lambda scope, operands, pc: names[operands[at]] if operands[at] < len(names) else "?"


def _table_size(at: int) -> Meaning:
    """Eleven bits for the slots of the array part, above them the logarithm of the slots for fields."""

    def meaning(scope: Scope, operands: Operands, pc: int) -> str:
        slots, bits = operands[at] & 0x7FF, operands[at] >> 11
        return f"array {slots} hash {1 << bits if bits else 0}"

    return meaning


def _first_index(at: int) -> Meaning:
    """The number is 2^52 more than the index, which puts the index in its low bits."""

    def meaning(scope: Scope, operands: Operands, pc: int) -> str:
        value = scope.apart.values[operands[at]] if operands[at] < len(scope.apart.values) else None
        return f"{value - 2**52:.14g}" if isinstance(value, float) else scope.constant(operands[at])

    return meaning


def _all(what: str) -> Meaning:
    return lambda scope, operands, pc: f"all {what}"


_SPECIAL: dict[str, Meaning] = {
    "TNEW": _table_size(1),
    "TSETM": _first_index(1),
    "CALL": join(results(2, "in"), results(1, "out")),
    "CALLM": join(_all("in"), results(1, "out")),
    "CALLT": results(1, "in"),
    "CALLMT": _all("in"),
    "ITERC": results(1, "out"),
    "ITERN": results(1, "out"),
    "VARG": results(1, "out"),
    "RET": results(1, "out"),
    "RETM": _all("out"),
}


def _object(at: int) -> Place:
    def place(scope: Scope, operands: Operands) -> Operands:
        return operands if operands[at] < scope.apart.objects else (*operands[:at], -1 - operands[at])

    return place


def _number(at: int) -> Place:
    return lambda scope, operands: (*operands[:at], scope.apart.objects + operands[at])


def _function(at: int) -> Place:
    return lambda scope, operands: (*operands[:at], scope.apart.functions.get(operands[at], -1 - operands[at]))


_MEANINGS = {
    "str": constant,
    "tab": constant,
    "cdata": constant,
    "num": constant,
    "func": child,
    "uv": upvalue,
    "pri": _primitive,
}
_PLACES = {"str": _object, "tab": _object, "cdata": _object, "num": _number, "func": _function}
_SIGNED = {"lits": "sD", "jump": "J"}


def _opcode(name: str, a: str, b: str, last: str) -> Opcode:
    field = "C" if b != "-" else _SIGNED.get(last, "D")
    told = [(where, mode) for where, mode in (("A", a), ("B", b), (field, last)) if mode != "-"]
    meanings = [_MEANINGS[mode](at) for at, (_, mode) in enumerate(told) if mode in _MEANINGS]
    return Opcode(
        name,
        " ".join(where for where, _ in told),
        _SPECIAL.get(name) or (join(*meanings) if len(meanings) > 1 else meanings[0] if meanings else None),
        jump=forward(1) if last == "jump" and name not in _NO_JUMP else None,
        place=_PLACES[last](len(told) - 1) if last in _PLACES else None,
        modes=tuple(mode for _, mode in told),
    )


def _opcodes(since: str) -> Iterator[Opcode]:
    """`since`: marks before a name that this release has."""
    for row in _OPCODES.strip().splitlines():
        modes, names = row.split(":")
        a, b, last = modes.split()
        for name in names.split():
            if name[0] != "+" or since:
                yield _opcode(name.lstrip("+"), a, b, last)


def _dialect(lua: LuaVersion, header_bytes: int, since: str) -> Dialect:
    return Dialect(
        Layout(
            lua=lua,
            cursor=LebCursor,
            header=(),
            leading_upvalues=False,
            tags={},
            upvalue_bytes=2,
            line_bytes=4,
            sections=(),  # `luajit` reads its functions, which stand in another order
        ),
        JIT,
        tuple(_opcodes(since)),
        float_format="%.14g",
        integers=False,
        header_bytes=header_bytes,
        upvalue_bytes=2,
        counts_numbers_apart=True,
        vararg_mask=0x02,
    )


LUAJIT20 = _dialect(LuaVersion.LUAJIT20, 64, "")
LUAJIT21 = _dialect(LuaVersion.LUAJIT21, 104, "+")
