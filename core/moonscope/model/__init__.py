"""The values that cross every boundary: engine to host, host to client, client to window.

All are frozen, typed and serialisable (`msgspec`). Times are seconds since the epoch (float), durations
carry their unit in their name, sizes are bytes. File names are `str`; bytes that are not UTF-8 are kept
by the `surrogateescape` rule in the engine and sent escaped as `\\xNN` (see `moonscope.model.names`).
"""

from .look import (
    ClosureCount,
    LookEntry,
    LookFunction,
    LookLevel,
    LookStep,
)
from .prototypes import (
    Instruction,
    Local,
    Prototype,
    PrototypeTree,
    Upvalue,
)
from .rows import (
    Counters,
    FileRow,
    GenerationRow,
    VMRow,
)
from .runs import (
    ClearReport,
    FileFailure,
    InterruptReport,
    LoadReport,
    LuaFailure,
    RunResult,
    SpawnReport,
    StuckVM,
    VMOptions,
)
from .updates import (
    LoadEvent,
    Mark,
    OutputEvent,
    Sample,
    Settings,
    Update,
)
from .words import (
    CacheMode,
    FunctionKind,
    GenerationState,
    Libraries,
    LuaVersion,
    Outcome,
    Sharing,
    StepKind,
    Tier,
    VMState,
)

__all__ = [
    "CacheMode",
    "ClearReport",
    "ClosureCount",
    "Counters",
    "FileFailure",
    "FileRow",
    "FunctionKind",
    "GenerationRow",
    "GenerationState",
    "Instruction",
    "InterruptReport",
    "Libraries",
    "LoadEvent",
    "LoadReport",
    "Local",
    "LookEntry",
    "LookFunction",
    "LookLevel",
    "LookStep",
    "LuaFailure",
    "LuaVersion",
    "Mark",
    "Outcome",
    "OutputEvent",
    "Prototype",
    "PrototypeTree",
    "RunResult",
    "Sample",
    "Settings",
    "Sharing",
    "SpawnReport",
    "StepKind",
    "StuckVM",
    "Tier",
    "Update",
    "Upvalue",
    "VMOptions",
    "VMRow",
    "VMState",
]
