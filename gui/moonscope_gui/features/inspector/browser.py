"""The prototypes of one file: a tree with a search, and the selected one from all sides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QToolButton, QWidget

from moonscope.model import Prototype, PrototypeTree

from ...code.search_bar import SearchBar
from ...link.task import Task, in_thread
from ...widgets import icons, theme
from ...widgets.buttons import tool_button
from ...widgets.elided_label import ElidedLabel
from ...widgets.layouts import stack
from .detail import Detail
from .export_text import totals
from .exports import Shown, export_button
from .history import History, Place
from .prototype_tree import PrototypeTreeModel
from .prototype_view import PrototypeView
from .source_file import SourceFile

_BESIDE_FROM = 560  # pixels of width from which tree and detail can stand side by side
_EXPANDED_AT_FIRST = 500  # prototypes; larger trees open at the first level only
_LISTING_MS = 20  # until the rows of a larger tree are laid out and its source is read: it is painted first
_TOTALS_FROM = 720  # pixels of width from which there is room for the totals
_SEARCH_TIP = (
    "Find functions by name, line, or the constants and variables in them (Ctrl+F; twice from listing and source, "
    "which have a search of their own)"
)
_TREE_WIDTH, _TREE_SHARE = 270, 22  # pixels, per cent of the width: the larger of both at first


class Browser(QWidget):
    """Keeps its place when a tree of the same file is shown anew."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tree: PrototypeTree | None = None
        self._found: list[tuple[int, ...]] = []
        self._found_at = -1
        self._history = History()
        self._task = Task(self)  # searches
        self._rows_wait = QTimer(self, singleShot=True, interval=_LISTING_MS)
        self._rows_wait.timeout.connect(self._lay_out_rows)
        self._splits_itself = True  # tree and detail get their shares of the room anew whenever it changes
        self._moving = False  # the current function is being changed by the program, not in the tree
        self.model = PrototypeTreeModel(self)
        self._title = ElidedLabel(Qt.TextElideMode.ElideLeft)
        self._totals = QLabel()
        self._notice = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._notice.setContentsMargins(8, 2, 8, 2)
        self.view = PrototypeView(self.model)
        self.view.selectionModel().currentChanged.connect(self._show_current)
        self.model.modelReset.connect(lambda: self._show_current(QModelIndex()))
        self.detail = Detail()
        self.view.activated.connect(lambda: self.detail.listing.setFocus())
        self.detail.place_wanted.connect(self.go)
        self.detail.row_changed.connect(self._history.leave)
        self._search_bar = SearchBar(_SEARCH_TIP, "functions")
        self._search_bar.wanted.connect(self._search)
        self._search_bar.step_wanted.connect(self.find_next)
        self.search = self._search_bar.field
        self._back = self._way("back", "Back", "Alt+Left", lambda: self.step_back(-1))
        self._forward = self._way("forward", "Forward", "Alt+Right", lambda: self.step_back(1))
        self._up = self._way("enclosing", "To the enclosing function", "Alt+Up", self.go_up)
        for keys, step in ((QKeySequence.StandardKey.FindNext, 1), (QKeySequence.StandardKey.FindPrevious, -1)):
            shortcut = QShortcut(keys, self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self.find_next, step))
        self._lay_out()
        self._enable_ways()
        theme.set_tone(self._totals, "muted")
        theme.set_tone(self._notice, "stale")

    # What the dock calls

    def show_loading(self, title: str) -> None:
        """The tree of `title` is on its way; what is shown stays until it is there."""
        self._set_title(f"Reading {title} …")
        self.setEnabled(False)

    def show_tree(self, tree: PrototypeTree, source: SourceFile | None = None) -> None:
        """Show a file; `source` tells where its source is and which version of it was compiled."""
        before = self._tree
        again = before is not None and (before.lua, before.key) == (tree.lua, tree.key)
        place = self.detail.place if again else Place()
        self._tree = tree
        self._moving = True
        self.model.show(tree)
        large = tree.root.total > _EXPANDED_AT_FIRST
        self.detail.show_tree(tree, source, read=False)
        self._moving = False
        self._set_title(tree.key)
        self._totals.setText(totals(tree))
        self._notice.setText(tree.notice)
        self._notice.setVisible(bool(tree.notice))
        self.setEnabled(True)
        if large:
            self._rows_wait.start()
        else:
            self.view.expandAll()
        if not again:
            self._history.clear()
        self._show(place)
        self._history.visit(self.detail.place)
        self._enable_ways()
        self._search(self._search_bar.text)
        if not large:
            self.detail.source.read()

    @Slot()
    def _lay_out_rows(self) -> None:
        self.view.expand(self.model.index(0, 0))
        self.detail.source.read()

    def clear(self) -> None:
        """There is no file any more."""
        self._tree = None
        self._found = []
        self._task.drop()
        self.model.show(None)
        self.detail.show_tree(None, None)
        self._history.clear()
        self._enable_ways()

    @property
    def current(self) -> tuple[PrototypeTree, Prototype] | None:
        """The file that is shown, and the function that is selected in it."""
        prototype = self.model.prototype_at(self.view.currentIndex())
        return (self._tree, prototype) if self._tree is not None and prototype is not None else None

    # Places in the tree

    @Slot(object)
    def go(self, place: Place) -> None:
        """Go to a function and an instruction in it; `step_back` leads back here."""
        if self.model.path_of(self.model.index_of(place.path)) != place.path:
            return  # a closure of a function that is not there
        self._history.leave(self.detail.place)
        self._show(place)
        self._history.visit(place)
        self._enable_ways()

    def select(self, path: tuple[int, ...]) -> None:
        """Open the tree down to `path` (the row of each step below the main function) and show what is there."""
        index = self.model.index_of(path)
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)

    def step_back(self, step: int) -> None:
        """Go to where the reader was before (-1), or forward again (1)."""
        self._history.leave(self.detail.place)
        place = self._history.go(step)
        if place is not None:
            self._show(place)
        self._enable_ways()

    def go_up(self) -> None:
        """Go to the enclosing function."""
        path = self.detail.place.path
        if path:
            self.go(Place(path[:-1]))

    def find_next(self, step: int = 1) -> None:
        """Go to the next (or, with -1, the previous) prototype that the search found, around the end."""
        if self._search_bar.is_waiting:
            self._search_bar.ask()
        elif self._found:
            self._found_at = (self._found_at + step) % len(self._found)
            self._show_found()

    def _show(self, place: Place) -> None:
        self._moving = True
        self.select(place.path)
        self._moving = False
        self.detail.go_to_pc(place.pc)

    @Slot(QModelIndex)
    def _show_current(self, index: QModelIndex) -> None:
        if not index.isValid():
            self.detail.show_prototype(None, ())
            return
        if not self._moving:
            self._history.leave(self.detail.place)
        path = self.model.path_of(index)
        self.detail.show_prototype(self.model.prototype_at(index), path)
        if not self._moving:
            self._history.visit(Place(path))
            self._enable_ways()

    # Searching

    @Slot(str)
    def _search(self, text: str) -> None:
        """Off the GUI thread: there may be ten thousand functions, and what is in each is looked through."""
        self._task.drop()
        self._found = []
        if text and self._tree is not None:
            self._task.start(in_thread(self.model.finder(), text), self._take_found)
        else:
            self._search_bar.show_nothing()

    def _take_found(self, found: list[tuple[int, ...]]) -> None:
        self._found, self._found_at = found, 0
        if found:
            self._show_found()
        else:
            self._search_bar.show_nothing()

    def _show_found(self) -> None:
        self._search_bar.show_hit(self._found_at + 1, len(self._found))
        self.select(self._found[self._found_at])
        self.detail.go_to_text(self._search_bar.text)

    # Looks

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(6, 4, 6, 0)
        head.setSpacing(4)
        for button in (self._back, self._forward, self._up):
            head.addWidget(button)
        head.addSpacing(4)
        head.addWidget(self._title, 1)
        head.addSpacing(12)
        head.addWidget(self._totals)
        head.addWidget(export_button(self, self._shown))
        left = QWidget()
        column = stack(left)
        column.addWidget(self._search_bar)
        column.addWidget(self.view, 1)
        self._splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        self._splitter.addWidget(left)
        self._splitter.addWidget(self.detail)
        self._splitter.splitterMoved.connect(self._leave_split)
        body = stack(self)
        body.addLayout(head)
        body.addWidget(self._notice)
        body.addWidget(self._splitter, 1)

    def _way(self, icon: str, title: str, keys: str, go: Callable[[], None]) -> QToolButton:
        sequence = QKeySequence(keys)
        button = tool_button("", f"{title} ({sequence.toString(QKeySequence.SequenceFormat.NativeText)})")
        button.setAccessibleName(title)
        button.setIcon(icons.icon(icon))
        button.clicked.connect(lambda: go())
        shortcut = QShortcut(sequence, self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(go)
        return button

    def _enable_ways(self) -> None:
        self._back.setEnabled(self._history.can_go(-1))
        self._forward.setEnabled(self._history.can_go(1))
        self._up.setEnabled(bool(self.detail.place.path))

    def _shown(self) -> Shown | None:
        prototype = self.detail.prototype
        if self._tree is None or prototype is None:
            return None
        return self._tree, prototype, self.detail.source.compiled_source

    def _set_title(self, text: str) -> None:
        self._title.setText(text)
        self._title.setToolTip(text)

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= max(_BESIDE_FROM, self.height() * 3 // 4)
        self._totals.setVisible(self.width() >= _TOTALS_FROM)
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if way != self._splitter.orientation() or self._splits_itself:
            self._splits_itself = True
            self._splitter.setOrientation(way)
            least = max(_TREE_WIDTH, self.width() * _TREE_SHARE // 100)
            tree = min(least, self.width() * 33 // 100) if wide else self.height() * 30 // 100
            self._splitter.setSizes([tree, (self.width() if wide else self.height()) - tree])

    @Slot()
    def _leave_split(self) -> None:
        """The user shared the room out."""
        self._splits_itself = False

    def event(self, event: QEvent) -> bool:
        """Ctrl+F belongs to the search as long as something in here has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _finds(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _finds(event):
            self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.search.selectAll()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The buttons for back and forward that many mice have."""
        steps = {Qt.MouseButton.BackButton: -1, Qt.MouseButton.ForwardButton: 1}
        if event.button() in steps:
            self.step_back(steps[event.button()])
        else:
            super().mousePressEvent(event)


def _finds(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Find)
