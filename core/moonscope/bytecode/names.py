"""The best known names of functions, from the code that creates them.

A function has no name in Lua; a debugger guesses from the call, a reader from the place where the closure is put.
This follows registers through one function, in order, ignoring jumps: a closure put into a local, a global, a
field or an upvalue is named after it, with the path of the table as far as it is known ("M.sub.f", "M:method").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from .code import Code
from .dialect import Dialect
from .follow import Follower, operations, upvalue_slot
from .layout import RawFunction
from .registers import registers_of
from .reporter import STRIDE, Reporter

_LONGEST = 120  # characters; a longer path is not a name
_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*\Z")


class Closure(NamedTuple):
    """Of a nested function."""

    child: int


Value: TypeAlias = str | bytes | Closure
"""How the program got it ("M.sub"), the text of a constant, or a closure."""


def child_names(raw: RawFunction, code: Code, upvalues: list[str], dialect: Dialect, reporter: Reporter) -> list[str]:
    """A name for each child of `raw`, "" where none is known. Raises CancelledError."""
    follower = _Follower(raw, upvalues)
    for operation in operations(code, [child.upvalue_count for child in raw.children], dialect):
        pc = operation[0]
        if pc % STRIDE == 0:
            reporter.check()
        if pc in follower.begin:
            follower.open_locals(pc)
        follower.step(operation)
        if not follower.unnamed:
            break
    return follower.names


class _Follower(Follower[Value]):
    """A slot of which nothing is known is taken for the table of globals: the name of a field is a name, too."""

    def __init__(self, raw: RawFunction, upvalues: Sequence[str]) -> None:
        super().__init__()
        self.names = [""] * len(raw.children)
        self.unnamed = len(raw.children)
        self._raw = raw
        self.state = {upvalue_slot(at): name for at, name in enumerate(upvalues)}
        self._locals: dict[int, tuple[str, int]] = {}  # register → local in it, pc where that ends
        self.begin: dict[int, list[tuple[int, str, int]]] = {}  # pc → register, name and end of the locals there
        registers = registers_of(end for _, _, end in raw.locals)
        for (name, start, end), register in zip(raw.locals, registers, strict=True):
            if name and not name.startswith(b"("):  # "(for state)" and the like
                told = (register, name.decode("utf-8", "backslashreplace"), end + 1)
                self.begin.setdefault(start + 1, []).append(told)

    def open_locals(self, pc: int) -> None:
        for register, name, end in self.begin[pc]:
            self._locals[register] = (name, end)
            self._put(register, self.load(register), name)

    def store(self, slot: int, value: Value | None) -> None:
        """What is put into a local or an upvalue is known by its name from then on."""
        if slot < 0:
            self._name(value, self.load(slot))
            return
        name, end = self._locals.get(slot, ("", 0))
        if self.pc < end:
            self._put(slot, value, name)
        else:
            super().store(slot, value)

    def _put(self, register: int, value: Value | None, name: str) -> None:
        self._name(value, name)
        self.state[register] = value if isinstance(value, Closure) else name

    def constant(self, index: int) -> Value | None:
        value = self._raw.constants[index] if 0 <= index < len(self._raw.constants) else None
        return value if isinstance(value, bytes) else None

    def closure(self, child: int) -> Value | None:
        return Closure(child) if 0 <= child < len(self.names) else None

    def read(self, table: Value | None, key: Value | None) -> Value | None:
        path = self.names[table.child] if isinstance(table, Closure) else table if isinstance(table, str) else ""
        if not isinstance(key, bytes) or len(path) + len(key) > _LONGEST:
            return None
        if path == "_ENV":
            path = ""
        if _IDENTIFIER.match(key):
            return f"{path}.{key.decode('ascii')}" if path else key.decode("ascii")
        return f"{path}[{key.decode('utf-8', 'backslashreplace')!r}]" if path else None

    def write(self, table: Value | None, key: Value | None, value: Value | None) -> None:
        self._name(value, self.read(table, key), is_field=True)

    def _name(self, value: Value | None, name: Value | None, is_field: bool = False) -> None:
        if isinstance(value, Closure) and isinstance(name, str) and name and not self.names[value.child]:
            if is_field and "." in name and _takes_self(self._raw.children[value.child]):
                name = ":".join(name.rsplit(".", 1))
            self.names[value.child] = name
            self.unnamed -= 1


def _takes_self(child: RawFunction) -> bool:
    return child.parameters > 0 and bool(child.locals) and child.locals[0][0] == b"self"
