"""The engine as a whole: what its loss means, starting it anew, and what it is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QMessageBox

from ...link.context import Context
from ...widgets import formats
from ...widgets.message_bar import Message
from ..feature import Feature

TOPIC = "engine"  # of messages about the connection; withdrawn as soon as there is one


class EngineFeature(Feature):
    """Says when the engine is lost, and starts it anew."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._link = context.link
        self._link.lost.connect(self._tell_loss)
        self._link.connected.connect(lambda _: context.withdrawn.emit(TOPIC))
        context.restart_wanted.connect(self.restart)
        self.offer("restart", "&Restart Engine…", "End the engine with all VMs and start a new one", self.restart,
                   {"&Engine": 210}, icon="restart", shortcut="Ctrl+Shift+R", engine=False)
        self.offer("about", "&About Moonscope", "Versions of what is running", self.about, {"&Engine": 310},
                   engine=False)  # fmt: skip

    @Slot(str, str)
    def _tell_loss(self, reason: str, last_words: str) -> None:
        """Say what happened, what it cost, and offer the way out."""
        state = self._context.state
        text = reason[:1].upper() + reason[1:].rstrip(".") + "."
        if state.vms or state.files:
            vms = formats.plural(len(state.vms), "VM")
            text += f" Lost: {vms} with all they held, {formats.plural(len(state.files), 'cached file')}."
        offer = "Restart Engine" if self._link.is_own_host else "Connect Again"
        self._context.say(Message(text, last_words, offer=offer, accept=self._link.restart, topic=TOPIC))

    @Slot()
    def restart(self) -> None:
        """End the engine and start a new one; asked first when something would be lost."""
        count, sample = len(self._context.state.vms), self._context.state.sample
        abandoned = sample.abandoned_vms if sample is not None else 0
        if not ((count or abandoned) and self._link.is_connected and self._link.is_own_host):
            self._link.restart()
            return
        from ...widgets.confirm import ConfirmDialog

        text = f"{formats.plural(count, 'VM')} and everything in the cache will be lost."
        if sample is not None and abandoned:
            freed = formats.size(sample.abandoned_bytes)
            text += f" {formats.plural(abandoned, 'abandoned VM')} will end, too, and {freed} with it."
        ConfirmDialog("Restart the engine", text, "Restart", self._link.restart, self._context.window).open()

    def about(self) -> None:
        settings = self._context.state.settings
        releases = [release.replace(" ", "\N{NO-BREAK SPACE}") for _, release in settings.luas] if settings else []
        luas = ", ".join(releases) or "not connected"
        version = settings.version if settings else ""
        title = f"<h3>Moonscope {version}</h3>"
        box = QMessageBox(QMessageBox.Icon.NoIcon, "About Moonscope", title, parent=self._context.window)
        box.setInformativeText(f"Shows and shares Lua prototypes between many VMs.\n\nLuas of this engine: {luas}")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
