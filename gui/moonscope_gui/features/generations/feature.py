"""Compiled versions in memory, and the VMs that hold them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot

from moonscope.commands import Holders
from moonscope.errors import CancelledError, ConnectionLost, MoonscopeError

from ...link.context import Context
from ...link.task import holders_of
from ...widgets import formats
from ...widgets.message_bar import Message
from ...widgets.workspace import Part
from ..feature import TableFeature
from .dock import GenerationsDock
from .model import GenerationsModel

_TITLE = "Find the holders"


class GenerationsFeature(TableFeature):
    """The generations, and which VMs hold them."""

    def __init__(self, context: Context) -> None:
        model = GenerationsModel(context.state, context)
        self.dock = GenerationsDock(model)
        super().__init__(context, self.dock)
        self.part = Part("generations", "Generations", self.dock, "tabs", "generation")
        context.selection.generations = self.dock.selected
        context.state.generations_changed.connect(model.take)
        context.holders_wanted.connect(self._select_holders)
        self.dock.holders_wanted.connect(self._ask_holders)
        self.dock.vms_wanted.connect(context.vms_wanted)
        self.dock.view.opened.connect(lambda _: self._select_of_selected())
        self.offer("holders", "Select the &VMs That Hold It", "Select the VMs that hold the selected generations",
                   self._select_of_selected, {"generations": 110}, icon="vm",
                   usable=lambda: self.dock.view.selectionModel().hasSelection())  # fmt: skip

    def _select_of_selected(self) -> None:
        generations = self.dock.selected()
        what = f"generation {generations[0]:,}" if len(generations) == 1 else f"{len(generations):,} generations"
        self._select_holders(generations, f"hold {what}")

    @Slot(object, str)
    def _select_holders(self, generations: Sequence[int], words: str) -> None:
        """Select the VMs that hold any of these; `words` say what these VMs do."""

        def done(vms: tuple[int, ...]) -> None:
            self._context.vms_wanted.emit(vms)
            self._context.note(f"{formats.plural(len(vms), 'VM')} {words}{': ' if vms else ''}{formats.ids(vms)}")

        def failed(error: MoonscopeError) -> None:
            if not isinstance(error, (CancelledError, ConnectionLost)):
                self._context.say(Message(f"{_TITLE}: {error}"))

        self._context.tasks.start(_TITLE, holders_of(generations), done, failed)

    @Slot(int)
    def _ask_holders(self, generation: int) -> None:
        def done(vms: tuple[int, ...]) -> None:
            self.dock.show_holders(generation, vms)

        def failed(error: MoonscopeError) -> None:
            if not isinstance(error, ConnectionLost):  # freed meanwhile
                self.dock.show_holders(generation, ())

        self._context.tasks.start("Holders", Holders(generation=generation), done, failed)
