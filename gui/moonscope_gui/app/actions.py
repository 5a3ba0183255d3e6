"""Every action of the window, declared once: text, icon, shortcut, tooltip, and when it can be used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from ..widgets import icons

HOST, VMS, VM_CHOSEN, FILES, FILE_CHOSEN = "host", "vms", "vm-chosen", "files", "file-chosen"
"""What an action needs: a connection, a VM at all, a selected one, a cached file at all, a selected one."""
ONE_CACHED, FILES_TO_COMPARE, FILE_CHANGED = "one-cached", "files-to-compare", "file-changed"
FILE_OLD, GENERATION_CHOSEN = "file-old", "generation-chosen"
"""Just one selected file that is in the cache, one or two selected files, one that changed on disk, one of which VMs
hold old versions, a selected generation."""


@dataclass(frozen=True)
class Spec:
    """`key` names the action in code and menus. An action with `checkable` passes its state on."""

    key: str
    text: str
    tip: str
    icon: str = ""
    shortcut: str = ""
    needs: tuple[str, ...] = ()
    checkable: bool = False


SPECS = (
    Spec("open-files", "Open &Files…", "Load Lua files in all VMs", "open-file", "Ctrl+O", (HOST,)),
    Spec("open-folder", "&Open Folder…", "Load all .lua files of a folder in all VMs", "open-folder", "Ctrl+Shift+O",
         (HOST,)),
    Spec("inspect-file", "&Inspect File…", "Show the prototypes of a file on disk, without storing it", "prototype",
         "Ctrl+I", (HOST,)),
    Spec("find-closures", "Find &Closures in VMs", "Which VMs hold closures of the function shown under Prototypes",
         "look", "Ctrl+Shift+F", (HOST, VMS)),
    Spec("export", "&Export Table…", "Write the rows of the table in use as CSV or JSON", "export", "Ctrl+E"),
    Spec("copy", "&Copy Rows", "Copy the selected rows of the table in use", "copy", "Ctrl+C"),
    Spec("find", "&Find in Table", "Go to the filter of the table in use", "", "Ctrl+F"),
    Spec("screenshot", "Save Scree&nshot…", "Write a picture of this window", "screenshot", "Ctrl+Shift+S"),
    Spec("quit", "&Quit", "Close the window; its engine ends with it", "", "Ctrl+Q"),
    Spec("spawn", "&Spawn VMs…", "Make new VMs", "spawn", "Ctrl+N", (HOST,)),
    Spec("run-script", "&Run Script…", "Run a Lua file in the selected VMs, or in all", "run", "Ctrl+R", (HOST, VMS)),
    Spec("load-selected", "Load in S&elected VMs…", "Load the selected files, or files you choose, in the selected VMs",
         "load", "Ctrl+Shift+L", (HOST, VM_CHOSEN)),
    Spec("load-all", "&Load in All VMs…", "Load the selected files, or files you choose, in all VMs", "load", "Ctrl+L",
         (HOST, VMS)),
    Spec("look", "Loo&k into VM", "Show the globals, loaded modules and registry of the selected VM", "look",
         "Ctrl+Shift+I", (HOST, VM_CHOSEN)),
    Spec("collect", "&Collect Garbage", "Run a full garbage collection in the selected VMs, or in all", "collect",
         "Ctrl+G", (HOST, VMS)),
    Spec("interrupt", "&Interrupt", "Stop what runs in the selected VMs, or in all; they can be used on", "interrupt",
         "Ctrl+.", (HOST, VMS)),
    Spec("close-selected", "&Tear Down Selected", "End the selected VMs", "close", "Del", (HOST, VM_CHOSEN)),
    Spec("close-all", "Tear Down &All", "End all VMs", "close-all", "", (HOST, VMS)),
    Spec("mode-on", "Mode &On", "The selected VMs use the cache and store in it", "", "", (HOST, VM_CHOSEN)),
    Spec("mode-exist", "Mode &Exist", "The selected VMs use the cache but never store", "", "", (HOST, VM_CHOSEN)),
    Spec("mode-off", "Mode O&ff", "The selected VMs load past the cache", "", "", (HOST, VM_CHOSEN)),
    Spec("default-on", "Default Mode O&n", "VMs to come use the cache and store in it", "", "", (HOST,), True),
    Spec("default-exist", "Default Mode E&xist", "VMs to come use the cache but never store", "", "", (HOST,), True),
    Spec("default-off", "Default Mode Off", "VMs to come load past the cache", "", "", (HOST,), True),
    Spec("compare", "&Compare…", "Show versions of the selected file, or two selected files, side by side", "compare",
         "Ctrl+D", (HOST, FILES_TO_COMPARE)),
    Spec("globals", "&Globals…", "Show which globals the selected file reads and writes, and what that means for "
         "sharing it", "globals", "Ctrl+Shift+G", (HOST, ONE_CACHED)),
    Spec("cache-map", "&Map of the Cache…", "Show which cached files and functions take how many bytes", "map",
         "Ctrl+M", (HOST, FILES)),
    Spec("recompile", "&Recompile…", "Compile the selected files that changed on disk anew, and load them again in the "
         "VMs that hold them", "recompile", "Ctrl+B", (HOST, FILE_CHANGED)),
    Spec("old-code", "Show Who Runs &Old Code", "Select the VMs that hold old versions of the selected files", "vm", "",
         (HOST, FILE_OLD)),
    Spec("holders", "Select the &VMs That Hold It", "Select the VMs that hold the selected generations", "vm", "",
         (HOST, GENERATION_CHOSEN)),
    Spec("evict", "&Evict Selected Files…", "Drop the selected files from the cache, after a dry run", "evict", "Del",
         (HOST, FILE_CHOSEN)),
    Spec("evict-pattern", "Evict by &Pattern…", "Drop files from the cache by a pattern of names, after a dry run",
         "evict", "Ctrl+Shift+E", (HOST, FILES)),
    Spec("clear", "&Clear Cache…", "Drop all files from the cache, after a dry run", "clear", "Ctrl+Shift+Del",
         (HOST, FILES)),
    Spec("limits", "&Limits…", "Set how much the cache of each Lua may store", "", "", (HOST,)),
    Spec("pause", "&Pause View", "Freeze what is shown; the engine goes on", "pause", "F8", (), True),
    Spec("theme-light", "&Light", "Dark text on a light ground", "theme", "", (), True),
    Spec("theme-dark", "&Dark", "Light text on a dark ground", "theme", "", (), True),
    Spec("theme-system", "As the &System", "Follow the desktop", "theme", "", (), True),
    Spec("reset-layout", "&Reset Layout", "Put all parts of the window back to where they were at first"),
    Spec("palette", "Command &Palette…", "Find any action by its name", "", "Ctrl+Shift+P"),
    Spec("what-if", "&What Would the Cache Buy?…", "Load the cached files into fresh VMs in every cache mode, and "
         "compare memory and time", "plot", "", (HOST, FILES)),
    Spec("restart", "&Restart Engine…", "End the engine with all VMs and start a new one", "restart", "Ctrl+Shift+R"),
    Spec("about", "&About Moonscope", "Versions of what is running"),
)  # fmt: skip

IN_TABLE = ("close-selected", "evict")  # their shortcuts hold only in the table they belong to


class Actions:
    """The actions by key; `bind` says what each does."""

    def __init__(self, parent: QObject) -> None:
        self._specs = {spec.key: spec for spec in SPECS}
        self._actions = {spec.key: _action(spec, parent) for spec in SPECS}

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def all(self) -> list[QAction]:
        return list(self._actions.values())

    def bind(self, calls: Mapping[str, Callable[..., object]]) -> None:
        """Checkable actions pass their new state, others nothing. Raises KeyError for an action without a call."""
        for key, spec in self._specs.items():
            call = calls[key]
            if spec.checkable:
                self._actions[key].triggered.connect(lambda checked, call=call: call(checked))
            else:
                self._actions[key].triggered.connect(lambda _=False, call=call: call())

    def enable(self, there: Collection[str]) -> None:
        """Allow what can be used with what is there."""
        for key, spec in self._specs.items():
            self._actions[key].setEnabled(all(need in there for need in spec.needs))


def _action(spec: Spec, parent: QObject) -> QAction:
    action = QAction(spec.text, parent)
    action.setObjectName(spec.key)
    action.setCheckable(spec.checkable)
    shortcut = QKeySequence(spec.shortcut)
    hint = f" ({shortcut.toString(QKeySequence.SequenceFormat.NativeText)})" if spec.shortcut else ""
    action.setToolTip(spec.tip + hint)
    action.setStatusTip(spec.tip)
    if spec.icon:
        action.setIcon(icons.icon(spec.icon))
    if spec.shortcut:
        action.setShortcut(shortcut)
    return action
