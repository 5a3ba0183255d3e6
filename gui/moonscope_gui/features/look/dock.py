"""Looking into a VM: its globals, loaded modules and registry, as far as one opens them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedLayout,
    QWidget,
)

from moonscope.model import FunctionKind, LookEntry, LookFunction, LookLevel

from ...state import chunk_name
from ...widgets import icons, theme
from ...widgets.buttons import tool_button
from ...widgets.elided_label import ElidedLabel
from ...widgets.filter_edit import FilterEdit
from ...widgets.layouts import stack
from .tree_model import LookTreeModel, Path
from .view import LookView

_NOTHING = "Select a VM to look into it: its globals, loaded modules and registry."


class VMBox(QComboBox):
    """Filled when it is opened: there may be thousands of VMs, and they come and go."""

    opening = Signal()

    def showPopup(self) -> None:
        self.opening.emit()
        super().showPopup()


class LookDock(QWidget):
    """Knows nothing of the engine: it emits what it wants to see and is told what there is."""

    wanted = Signal(object, int, int)  # path, first entry, number of entries
    refresh_wanted = Signal()
    cancel_wanted = Signal()
    vms_listed = Signal()  # the list of VMs is about to be seen: call `list_vms`
    vm_chosen = Signal(int)
    prototype_wanted = Signal(object)  # model.LookFunction, of a Lua closure
    holders_wanted = Signal(int)  # generation
    closures_wanted = Signal(object)  # model.LookFunction, of a closure of cached code

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = LookTreeModel(self)
        self.model.wanted.connect(self.wanted)
        self._filtered = QSortFilterProxyModel(self)
        self._filtered.setSourceModel(self.model)
        self._filtered.setRecursiveFilteringEnabled(True)
        self._filtered.setAutoAcceptChildRows(True)
        self._filtered.setFilterKeyColumn(-1)
        self._filtered.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.box = VMBox()
        self.box.setToolTip("The VM to look into; follows the selected VM")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.box.opening.connect(self.vms_listed)
        self.box.activated.connect(lambda row: self.vm_chosen.emit(self.box.itemData(row)))
        self.refresh = tool_button("", "Look again (F5); what is open stays open")
        self.refresh.setIcon(icons.icon("refresh"))
        self.refresh.clicked.connect(self.refresh_wanted)
        self.view = self._make_view()
        self.filter = FilterEdit("Filter what is open", self.view)
        self.filter.textChanged.connect(self.view.set_filter)
        self._place = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self.waiting = ElidedLabel()
        self.cancel = tool_button("Cancel", "Do not wait for the VM")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.message = QLabel(_NOTHING, wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self._lay_out()
        self._add_shortcuts()
        self.setFocusProxy(self.view)
        self.show_waiting("")
        theme.set_tone(self.message, "muted")
        theme.set_tone(self._place, "muted")
        theme.set_tone(self.waiting, "running")

    # What the window calls

    def show_vm(self, vm: int, words: str) -> None:
        """Look into that VM, from the start. `words` describe it in the list."""
        self.model.clear()
        self.box.clear()
        self.box.addItem(words, vm)
        self._pages.setCurrentWidget(self._content)
        self.model.refresh()

    def list_vms(self, vms: Sequence[tuple[int, str]]) -> None:
        """Those that can be chosen, by id, with words for each."""
        chosen = self.box.currentData()
        self.box.clear()
        for vm, words in vms:
            self.box.addItem(words, vm)
        self.box.setCurrentIndex(max(0, self.box.findData(chosen)))

    def look_again(self) -> None:
        self.model.refresh()

    def show_level(self, level: LookLevel) -> None:
        self.model.take(level)
        if not level.path and not level.offset and len(level.entries) and not self.view.currentIndex().isValid():
            first = self._filtered.index(0, 0)
            self.view.expand(first)  # the globals are what most people look for
            self.view.setCurrentIndex(first)

    def show_refusal(self, path: Path, text: str, tone: str = "error") -> None:
        self.model.refuse(path, text, tone)

    def show_waiting(self, text: str) -> None:
        """What the answer waits for; "" when it waits for nothing."""
        self.waiting.setText(text)
        self.waiting.setToolTip(text)
        self._wait_line.setVisible(bool(text))

    def show_nothing(self, text: str = _NOTHING) -> None:
        self.model.clear()
        self.box.clear()
        self.show_waiting("")
        self.message.setText(text)
        self._pages.setCurrentWidget(self.message)

    # What is opened

    def entry_at(self, index: QModelIndex) -> LookEntry | None:
        return self.model.entry_at(self._filtered.mapToSource(index)) if index.isValid() else None

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        """A note goes on, a Lua closure leads to its prototype, anything else opens or closes."""
        entry = self.entry_at(index)
        if entry is None:
            self.model.open_note(self._filtered.mapToSource(index))
        elif _is_closure(entry):
            self.prototype_wanted.emit(entry.function)
        else:
            first = index.siblingAtColumn(0)
            self.view.setExpanded(first, not self.view.isExpanded(first))

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        entry = self.entry_at(index)
        if entry is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if entry.function is not None and _is_closure(entry):
            self._add_ways(menu, entry.function)
        menu.addAction("Copy Value", partial(_copy, entry.value)).setIcon(icons.icon("copy"))
        menu.addAction("Copy Path", partial(_copy, self.model.path_text(self._filtered.mapToSource(index))))
        menu.popup(self.view.viewport().mapToGlobal(at))

    def _add_ways(self, menu: QMenu, function: LookFunction) -> None:
        """Where a Lua closure leads to."""
        show = menu.addAction("Show Prototype", lambda: self.prototype_wanted.emit(function))
        show.setIcon(icons.icon("prototype"))
        if function.generation is not None:
            menu.addAction("Find Its Closures in All VMs", lambda: self.closures_wanted.emit(function))
            menu.addAction("Select VMs That Hold Its File", partial(self.holders_wanted.emit, function.generation))
        menu.addSeparator()

    @Slot(QModelIndex)
    def _show_place(self, index: QModelIndex) -> None:
        entry = self.entry_at(index)
        text = self.model.path_text(self._filtered.mapToSource(index)) if entry is not None else ""
        if entry is not None and _is_closure(entry) and entry.function is not None:
            text = f"{text}  ·  {chunk_name.whole(entry.function.source)}"
        self._place.setText(text)
        self._place.setToolTip(text)

    # Assembly

    def _make_view(self) -> LookView:
        view = LookView(self._filtered, lambda index: self.entry_at(index) is None)
        view.customContextMenuRequested.connect(self._show_menu)
        view.activated.connect(self._open)
        view.selectionModel().currentChanged.connect(self._show_place)
        return view

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(6, 4, 6, 4)
        head.setSpacing(6)
        head.addWidget(self.box)
        head.addWidget(self.filter, 1)
        head.addWidget(self.refresh)
        self._wait_line = QWidget()
        wait = QHBoxLayout(self._wait_line)
        wait.setContentsMargins(8, 0, 6, 2)
        wait.addWidget(self.waiting, 1)
        wait.addWidget(self.cancel)
        self._place.setContentsMargins(8, 3, 8, 3)
        self._content = QWidget()
        body = stack(self._content)
        body.addLayout(head)
        body.addWidget(self._wait_line)
        body.addWidget(self.view, 1)
        body.addWidget(self._place)
        self.message.setContentsMargins(24, 12, 24, 12)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self.message)
        self._pages.addWidget(self._content)

    def _add_shortcuts(self) -> None:
        for keys, call in ((QKeySequence.StandardKey.Refresh, self.refresh_wanted.emit),
                           (QKeySequence.StandardKey.Find, self.filter.setFocus)):  # fmt: skip
            shortcut = QShortcut(keys, self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)


def _is_closure(entry: LookEntry) -> bool:
    return entry.function is not None and entry.function.kind is FunctionKind.LUA


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
