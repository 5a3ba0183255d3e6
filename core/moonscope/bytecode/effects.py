"""What an instruction does with values, as an expression that calls the methods of a `follow.Follower`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .formats import Format


def effect_of(steps: Sequence[str], kinds: Mapping[str, str], form: Format) -> str:
    """The effect that a table of opcodes tells; fields stand for operands, of which `kinds` has the letters. "": values
    stay what and where they are."""
    told = _Effect(kinds, form)
    calls = "".join(f"{call}, " for step in steps if (call := told.call(step)))
    return calls and f"({calls})"


class _Effect:
    def __init__(self, kinds: Mapping[str, str], form: Format) -> None:
        self._kinds = kinds
        self._form = form

    def call(self, step: str) -> str:
        if found := re.fullmatch(r"(\w+)(\.\.(.*))? = \?", step):
            first, several, last = found.groups()
            return f"follower.forget({first}, {last or (255 if several else first)})"
        if found := re.fullmatch(r"(\w+) = (\w+)\[(\w+)\]", step):
            into, table, key = found.groups()
            return f"follower.store({into}, follower.read({self._value(table)}, {self._key(key)}))"
        if found := re.fullmatch(r"(\w+)\[(\w+)\] = (\w+)", step):
            table, key, value = found.groups()
            return f"follower.write({self._value(table)}, {self._key(key)}, {self._value(value, 'known')})"
        if found := re.fullmatch(r"(\w+)(\+1)? = (\w+)", step):
            into, more, value = found.groups()
            if self._kinds[into] == "u":
                return f"follower.store(-1 - {into}, {self._value(value, 'known')})"
            return f"follower.{'receive' if more else 'store'}({into}{more or ''}, {self._value(value)})"
        if found := re.fullmatch(r"(call|give) (.*)", step):
            return f"follower.{found[1]}({found[2]})"
        return "follower.declare()" if step == "declare" else ""

    def _value(self, field: str, load: str = "load") -> str:
        """What an operand stands for; `load` is the method that tells what is in a register."""
        negated = self._form.negates_constants
        register, constant = f"follower.{load}({field})", f"follower.constant({'-1 - ' if negated else ''}{field})"
        values = {
            "r": register,
            "k": constant,
            "x": f"({constant} if {f'{field} < 0' if negated else list(self._kinds)[-1]} else {register})",
            "u": f"follower.load(-1 - {field})",
            "p": f"follower.closure({field})",
            "i": f"follower.number({field})",
            "G": "follower.globals()",
        }
        kind = self._kinds.get(field, field)
        return values.get("k" if kind in "mo" else kind, "None")

    def _key(self, field: str) -> str:
        """Of a number that is part of the instruction nothing is told."""
        return "None" if self._kinds[field] == "i" else self._value(field, "known")
