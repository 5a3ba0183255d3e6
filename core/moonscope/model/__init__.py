"""The values that cross every boundary: engine to host, host to client, client to window.

All are frozen, typed and serialisable (`msgspec`). Times are seconds since the epoch (float), durations
carry their unit in their name, sizes are bytes. File names are `str`; bytes that are not UTF-8 are kept
by the `surrogateescape` rule in the engine and sent escaped as `\\xNN` (see `moonscope.model.names`).
"""

from .context import NO_CONTEXT as NO_CONTEXT
from .context import Context as Context
from .look import ClosureCount as ClosureCount
from .look import LookEntry as LookEntry
from .look import LookFunction as LookFunction
from .look import LookLevel as LookLevel
from .look import LookStep as LookStep
from .prototypes import Instruction as Instruction
from .prototypes import Local as Local
from .prototypes import Prototype as Prototype
from .prototypes import PrototypePath as PrototypePath
from .prototypes import PrototypeTree as PrototypeTree
from .prototypes import Upvalue as Upvalue
from .prototypes import walk as walk
from .rows import Counters as Counters
from .rows import FileRow as FileRow
from .rows import GenerationRow as GenerationRow
from .rows import VMRow as VMRow
from .runs import Chunk as Chunk
from .runs import ClearReport as ClearReport
from .runs import FileFailure as FileFailure
from .runs import InterruptReport as InterruptReport
from .runs import LoadReport as LoadReport
from .runs import LuaFailure as LuaFailure
from .runs import RunResult as RunResult
from .runs import SpawnReport as SpawnReport
from .runs import StuckVM as StuckVM
from .runs import VMOptions as VMOptions
from .updates import LoadEvent as LoadEvent
from .updates import Mark as Mark
from .updates import OutputEvent as OutputEvent
from .updates import Sample as Sample
from .updates import Settings as Settings
from .updates import Update as Update
from .words import CacheMode as CacheMode
from .words import FunctionKind as FunctionKind
from .words import GenerationState as GenerationState
from .words import Libraries as Libraries
from .words import LuaVersion as LuaVersion
from .words import Outcome as Outcome
from .words import Sharing as Sharing
from .words import StepKind as StepKind
from .words import Tier as Tier
from .words import VMState as VMState
