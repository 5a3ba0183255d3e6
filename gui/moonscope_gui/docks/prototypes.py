"""The prototypes of the selected file: a tree, a search, and what the selected one consists of."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from moonscope.model import PrototypeTree

from .. import icons, theme
from ..models import prototype_text
from ..models.prototype_tree import PrototypeTreeModel
from ..views.buttons import tool_button
from ..views.elided_label import ElidedLabel
from ..views.prototype_detail import PrototypeDetail
from ..views.prototype_view import PrototypeView

_NOTHING = "Select one file to see the functions it is made of.\n\nDouble-click it in the list of cached files."
_DEBOUNCE_MS = 250
_BESIDE_FROM = 560  # pixels of width from which tree and detail can stand side by side
_EXPANDED_AT_FIRST = 500  # prototypes; larger trees open at the first level only


class PrototypesDock(QWidget):
    """Keeps its place when a tree of the same file is shown anew."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tree: PrototypeTree | None = None
        self._found: list[tuple[int, ...]] = []
        self._found_at = -1
        self.model = PrototypeTreeModel(self)
        self._title = ElidedLabel(Qt.TextElideMode.ElideLeft)
        self._totals = QLabel()
        self._notice = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._message = QLabel(_NOTHING, wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.view = PrototypeView(self.model)
        self.view.selectionModel().currentChanged.connect(self._show_current)
        self.model.modelReset.connect(lambda: self._show_current(QModelIndex()))
        self.detail = PrototypeDetail()
        self.detail.child_wanted.connect(self.open_child)
        self.search = QLineEdit(placeholderText="Find function, constant or variable", clearButtonEnabled=True)
        self._hits = QLabel()
        self._wait = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._wait.timeout.connect(self._search)
        self._lay_out()
        self._connect_search()
        theme.notifier.changed.connect(self._restyle)
        self._restyle()

    # What the window calls

    def show_loading(self, title: str) -> None:
        """The tree of `title` is on its way; what is shown stays until it is there."""
        self._set_title(f"Reading {title} …")
        self._message.setText(f"Reading {title} …")
        self._content.setEnabled(False)

    def show_tree(self, tree: PrototypeTree) -> None:
        before = self._tree
        again = before is not None and (before.lua, before.key) == (tree.lua, tree.key)
        place = self.model.path_of(self.view.currentIndex()) if again and self.view.currentIndex().isValid() else ()
        self._tree = tree
        self.model.show(tree)
        self._set_title(tree.key)
        self._totals.setText(prototype_text.totals(tree))
        self._notice.setText(tree.notice)
        self._notice.setVisible(bool(tree.notice))
        self._content.setEnabled(True)
        self._pages.setCurrentWidget(self._content)
        if tree.root.total <= _EXPANDED_AT_FIRST:
            self.view.expandAll()
        else:
            self.view.expand(self.model.index(0, 0))
        self.select(place)
        self._search()

    def show_error(self, text: str) -> None:
        """Why there is no tree, in the place of the tree."""
        self._forget()
        self._message.setText(text)

    def clear(self) -> None:
        self._forget()
        self._message.setText(_NOTHING)

    # Places in the tree

    def select(self, path: tuple[int, ...]) -> None:
        """Open the tree down to `path` (the row of each step below the main function) and show what is there."""
        index = self.model.index_of(path)
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)

    @Slot(int)
    def open_child(self, number: int) -> None:
        """Go to a nested function of the one that is shown."""
        path = self.model.path_of(self.view.currentIndex())
        if self.model.index_of((*path, number)) != self.view.currentIndex():
            self.select((*path, number))

    def find_next(self, step: int = 1) -> None:
        """Go to the next (or, with -1, the previous) prototype that the search found, around the end."""
        if self._wait.isActive():
            self._search()
        elif self._found:
            self._found_at = (self._found_at + step) % len(self._found)
            self._show_found()

    # Copies

    def save(self, path: Path) -> None:
        """Write the selected function: its listing, or as .json with all nested ones. Raises OSError."""
        if (prototype := self.detail.prototype) is not None:
            as_json = path.suffix.lower() == ".json"
            text = prototype_text.as_json(prototype) if as_json else prototype_text.listing(prototype)
            path.write_text(text, encoding="utf-8")

    def copy_listing(self) -> None:
        if (prototype := self.detail.prototype) is not None:
            QGuiApplication.clipboard().setText(prototype_text.listing(prototype))

    def copy_json(self) -> None:
        """Nested functions included."""
        if (prototype := self.detail.prototype) is not None:
            QGuiApplication.clipboard().setText(prototype_text.as_json(prototype))

    def _choose_file(self) -> None:
        chooser = QFileDialog(self, "Export the selected function")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilters(["Listing (*.txt)", "JSON with nested functions (*.json)"])
        chooser.selectFile("function.txt")
        chooser.fileSelected.connect(self._try_save)
        chooser.open()

    @Slot(str)
    def _try_save(self, name: str) -> None:
        try:
            self.save(Path(name))
        except OSError as error:
            text = f"{name} was not written: {error.strerror or error}."
            QMessageBox(QMessageBox.Icon.Warning, "Not saved", text, parent=self).open()

    # Searching

    def _connect_search(self) -> None:
        self.search.textChanged.connect(lambda: self._wait.start())
        self.search.returnPressed.connect(self.find_next)
        for keys, step in ((QKeySequence.StandardKey.FindNext, 1), (QKeySequence.StandardKey.FindPrevious, -1)):
            shortcut = QShortcut(keys, self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: self.find_next(step))

    @Slot()
    def _search(self) -> None:
        self._wait.stop()
        self._found = self.model.find(self.search.text())
        self._found_at = 0
        if self._found:
            self._show_found()
        else:
            self._hits.setText("nothing found" if self.search.text().strip() and self._tree else "")

    def _show_found(self) -> None:
        self._hits.setText(f"{self._found_at + 1:,} of {len(self._found):,}")
        self.select(self._found[self._found_at])

    # Looks

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 6, 0)
        head.addWidget(self._title, 1)
        head.addSpacing(12)
        head.addWidget(self._totals)
        head.addWidget(self._copy_button())
        line = QHBoxLayout()
        line.setContentsMargins(6, 4, 6, 4)
        line.addWidget(self.search, 1)
        line.addSpacing(4)
        line.addWidget(self._hits)
        for name, step, tip in (("previous", -1, "Previous match"), ("next", 1, "Next match (Enter)")):
            button = tool_button("", tip)
            button.setIcon(icons.icon(name))
            button.clicked.connect(lambda _=False, step=step: self.find_next(step))
            line.addWidget(button)
        self._splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        self._splitter.addWidget(self.view)
        self._splitter.addWidget(self.detail)
        self._splitter.setSizes([450, 550])
        self._content = QWidget()
        body = QVBoxLayout(self._content)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addLayout(head)
        body.addWidget(self._notice)
        body.addLayout(line)
        body.addWidget(self._splitter, 1)
        self._message.setContentsMargins(24, 12, 24, 12)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._message)
        self._pages.addWidget(self._content)

    def _copy_button(self) -> QToolButton:
        button = tool_button("", "Copy or export the selected function")
        button.setIcon(icons.icon("copy"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.addAction("Copy Listing", self.copy_listing)
        menu.addAction("Copy as JSON", self.copy_json)
        menu.addAction("Export…", self._choose_file)
        button.setMenu(menu)
        return button

    def _set_title(self, text: str) -> None:
        self._title.setText(text)
        self._title.setToolTip(text)

    def _forget(self) -> None:
        self._tree = None
        self._found = []
        self.model.show(None)
        self._pages.setCurrentWidget(self._message)

    def _show_current(self, index: QModelIndex) -> None:
        self.detail.show_prototype(self.model.prototype_at(index))

    def _restyle(self) -> None:
        muted, warning = theme.colour("muted").name(), theme.colour("stale").name()
        self._message.setStyleSheet(f"color: {muted}")
        self._totals.setStyleSheet(f"color: {muted}")
        self._hits.setStyleSheet(f"color: {muted}")
        self._notice.setStyleSheet(f"color: {warning}; padding: 2px 8px")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= max(_BESIDE_FROM, self.height())
        self._splitter.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)
