"""What a look into a VM finds."""

from __future__ import annotations

from msgspec import Struct

from .words import FunctionKind, StepKind


class LookStep(Struct, frozen=True):
    """`name`: a string key, bytes as in file names. `number`: another key, the address, or the number (from 1)."""

    kind: StepKind
    name: str = ""
    number: int | float = 0


class LookFunction(Struct, frozen=True, kw_only=True):
    """What a function is. A Lua closure's prototype is named by its source (`@` and a file name) and its lines."""

    kind: FunctionKind
    upvalues: int = 0
    source: str = ""
    line: int = 0  # 0: a main function
    last_line: int = 0
    generation: int | None = None  # that its prototype belongs to (not `shared`: by its name, the newest in the VM)
    shared: bool = False  # it runs the code that all VMs share, not a copy of its VM


class LookEntry(Struct, frozen=True, kw_only=True):
    """One thing that a value of a VM leads to."""

    step: LookStep
    key: str  # as shown
    value: str  # as shown: strings quoted and cut, objects with their address
    type: str  # Lua's name of it; light userdata told apart
    count: int | None = None  # entries of a table
    count_cut: bool = False  # it has more than that
    metatable: bool = False
    opens: bool = False  # it leads on
    function: LookFunction | None = None


class ClosureCount(Struct, frozen=True):
    """How many closures of one prototype a VM holds; those only a coroutine's stack holds are not seen."""

    vm: int
    closures: int
    cut: bool = False  # there may be more


class LookLevel(Struct, frozen=True, kw_only=True):
    """The answer to *look into*: a part of the entries, metatable and upvalues first, then the keys in order."""

    vm: int
    path: tuple[LookStep, ...] = ()
    type: str = ""  # of what was opened; "" for the start
    offset: int = 0  # of the first of `entries`
    entries: tuple[LookEntry, ...] = ()
    listed: int = 0  # entries that can be asked for
    total: int = 0  # entries there are
    total_cut: bool = False  # there are more than that
