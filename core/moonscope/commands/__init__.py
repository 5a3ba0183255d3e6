"""What a program or a window can have an engine do.

One file per command: its fields, its answer, what it does, and how a host schedules it. A new one is such a file and a
line here.

Those who send commands have no engine: what belongs to one is imported here for type checkers only. Nothing here knows
of connections or windows.
"""

from .clear import Clear as Clear
from .close import Close as Close
from .collect import Collect as Collect
from .command import Command as Command
from .find_closures import FindClosures as FindClosures
from .holders import Holders as Holders
from .inspect import Inspect as Inspect
from .inspect import InspectFile as InspectFile
from .interrupt import Interrupt as Interrupt
from .load import Load as Load
from .look_into import LookInto as LookInto
from .run import RunChunk as RunChunk
from .run import RunFile as RunFile
from .set_limits import SetLimits as SetLimits
from .set_mode import SetMode as SetMode
from .shutdown import Shutdown as Shutdown
from .spawn import Spawn as Spawn
