"""The engine as a whole: what its loss means, starting it anew, and what it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QMessageBox

from ...link.desk import Desk
from ...link.engine_link import EngineLink
from ...widgets import formats
from ...widgets.message_bar import Message

TOPIC = "engine"  # of messages about the connection; withdrawn as soon as there is one


class EngineFlow(QObject):
    def __init__(self, desk: Desk, link: EngineLink) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._link = link
        link.lost.connect(self._tell_loss)

    @Slot(str, str)
    def _tell_loss(self, reason: str, last_words: str) -> None:
        """Say what happened, what it cost, and offer the way out."""
        state = self._desk.state
        text = reason[:1].upper() + reason[1:].rstrip(".") + "."
        if state.vms or state.files:
            vms = formats.plural(len(state.vms), "VM")
            text += f" Lost: {vms} with all they held, {formats.plural(len(state.files), 'cached file')}."
        offer = "Restart Engine" if self._link.is_own_host else "Connect Again"
        self._desk.say(Message(text, last_words, offer=offer, accept=self._link.restart, topic=TOPIC))

    def restart(self) -> None:
        """End the engine and start a new one; asked first when something would be lost."""
        count, sample = len(self._desk.state.vms), self._desk.state.sample
        abandoned = sample.abandoned_vms if sample is not None else 0
        if not ((count or abandoned) and self._link.is_connected and self._link.is_own_host):
            self._link.restart()
            return
        from ...widgets.confirm import ConfirmDialog

        text = f"{formats.plural(count, 'VM')} and everything in the cache will be lost."
        if sample is not None and abandoned:
            freed = formats.size(sample.abandoned_bytes)
            text += f" {formats.plural(abandoned, 'abandoned VM')} will end, too, and {freed} with it."
        ConfirmDialog("Restart the engine", text, "Restart", self._link.restart, self._desk.window).open()

    def about(self) -> None:
        settings = self._desk.state.settings
        releases = [release.replace(" ", "\N{NO-BREAK SPACE}") for _, release in settings.luas] if settings else []
        luas = ", ".join(releases) or "not connected"
        version = settings.version if settings else ""
        title = f"<h3>Moonscope {version}</h3>"
        box = QMessageBox(QMessageBox.Icon.NoIcon, "About Moonscope", title, parent=self._desk.window)
        box.setInformativeText(f"Shows and shares Lua prototypes between many VMs.\n\nLuas of this engine: {luas}")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
