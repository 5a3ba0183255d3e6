"""What the analysis finds, as values: frozen, typed, serialisable, as all that crosses the protocol."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ..model import LuaVersion, PrototypePath


class Verdict(StrEnum):
    """What sharing one file's prototypes between VMs means; later ones outweigh earlier ones."""

    SHARES_CLEANLY = "shares cleanly"
    READS_STATE = "reads state of its VM"
    MAY_WRITE = "may write"  # what cannot be told here may change the VM; or settings that are no globals are changed
    WRITES_GLOBALS = "writes globals"
    NOT_ANALYSED = "not analysed"


class Kind(StrEnum):
    """What an access does. `words.WEIGHTS` tells which verdict each one makes."""

    READS_STANDARD = "reads-standard"
    READS_OTHER_STANDARD = "reads-other-standard"  # a name of the standard library of another Lua
    REQUIRES = "requires"  # name: the module, "" when it is computed
    LOADS_CODE = "loads-code"
    USES_DEBUG = "uses-debug"
    CHANGES_ENVIRONMENT = "changes-environment"  # setfenv, getfenv, an assignment to _ENV
    READS_GLOBAL = "reads-global"
    READS_COMPUTED_GLOBAL = "reads-computed-global"
    READS_ALL_GLOBALS = "reads-all-globals"  # the table itself, for reading; name: by which function or field
    HANDS_ON_GLOBALS = "hands-on-globals"  # the table of globals itself; name: to which function or field
    HANDS_ON_STANDARD = "hands-on-standard-library"  # name: the table that is given to a function that is not known
    RUNS_LOADED_CODE = "runs-loaded-code"  # name: the function that loads it
    REACHES_BEYOND = "reaches-beyond"  # name: a function of the debug library that changes what others use
    CHANGES_SETTING = "changes-setting"  # of the VM or the process; name: the function
    WRITES_GLOBAL = "writes-global"
    WRITES_COMPUTED_GLOBAL = "writes-computed-global"
    CHANGES_STANDARD = "changes-standard-library"
    CHANGES_METATABLE = "changes-metatable-of-globals"
    DEFINES_MODULE = "defines-module"  # module() of 5.1; name: the module, "" when it is computed


class Access(Struct, frozen=True):
    """One instruction that touches state of the VM. `line` is 0 when it was stripped."""

    kind: Kind
    name: str
    line: int
    pc: int


class PrototypeState(Struct, frozen=True, kw_only=True):
    """What one prototype does with the state of its VM, in the order of its code."""

    path: PrototypePath
    name: str  # best known; "" when unknown and for the main function
    line: int
    last_line: int
    upvalues: tuple[str, ...] = ()  # captured variables; "" when stripped; without the globals' own _ENV
    accesses: tuple[Access, ...] = ()


class FileState(Struct, frozen=True, kw_only=True):
    """All prototypes of a file that touch state of the VM or capture variables, parents before children."""

    lua: LuaVersion
    key: str
    prototypes: tuple[PrototypeState, ...] = ()


class Reason(Struct, frozen=True, kw_only=True):
    """Why a verdict is what it is; or, with weight `SHARES_CLEANLY`, a remark that does not count."""

    kind: Kind
    weight: Verdict
    name: str
    line: int
    path: PrototypePath
    function: str  # "main function", "function M.f" or "function at line 12"
    text: str  # a sentence for a Lua user


class FileVerdict(Struct, frozen=True, kw_only=True):
    """The verdict on one file. The tuples of names are sorted, each name once."""

    lua: LuaVersion
    key: str
    verdict: Verdict
    text: str  # what the verdict means, in a sentence or two
    reasons: tuple[Reason, ...] = ()  # by line; all that count, not only those of the final verdict
    remarks: tuple[Reason, ...] = ()
    reads: tuple[str, ...] = ()  # globals outside the standard library
    writes: tuple[str, ...] = ()  # globals and parts of the standard library
    standard: tuple[str, ...] = ()  # used parts of the standard library
    modules: tuple[str, ...] = ()  # required by a constant name
    notice: str = ""


class Match(StrEnum):
    """How a prototype of one side relates to the other side."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"  # only on side B
    REMOVED = "removed"  # only on side A


class Place(Struct, frozen=True):
    """One prototype of one side of a comparison."""

    path: PrototypePath
    name: str
    line: int
    last_line: int
    size: int  # bytes, as in `Prototype.size`
    instructions: int


class Hunk(Struct, frozen=True):
    """A stretch of instructions that differs. The pc is where it starts on that side, from 1."""

    a_pc: int
    b_pc: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


class PrototypeChange(Struct, frozen=True, kw_only=True):
    """A matched pair, or one prototype without a partner."""

    match: Match
    a: Place | None = None
    b: Place | None = None
    similarity: float = 0.0  # share of instructions in common, 0.0 – 1.0; 1.0 for SAME
    hunks: tuple[Hunk, ...] = ()
    constants_removed: tuple[str, ...] = ()
    constants_added: tuple[str, ...] = ()
    coarse: bool = False  # a stretch was too long to be compared closely: its hunk may hold equal instructions


class Side(Struct, frozen=True):
    """One side of a comparison, as a whole."""

    lua: LuaVersion
    key: str
    generation: int | None
    prototypes: int
    instructions: int
    size: int  # bytes of all prototypes


class Comparison(Struct, frozen=True, kw_only=True):
    """Two trees side by side; `changes` in the order of side B, removed ones after their neighbours of side A."""

    a: Side
    b: Side
    changes: tuple[PrototypeChange, ...] = ()
    notice: str = ""

    def count(self, match: Match) -> int:
        """The number of changes whose kind is `match`."""
        return sum(change.match is match for change in self.changes)
