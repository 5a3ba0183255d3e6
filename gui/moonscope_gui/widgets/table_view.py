"""A view of a `TableModel`: columns that fit, selection by id, and a scroll position that updates do not move."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from PySide6.QtCore import (
    QByteArray,
    QEvent,
    QItemSelectionModel,
    QPersistentModelIndex,
    QPoint,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTableView, QWidget

from .cell_delegate import CellDelegate, digits_font
from .row_selection import RowSelection
from .table import TableModel

_PADDING = 15  # pixels of a cell that are not text
_STRETCH = 2  # the stretched column gets this many times its width before columns of a rank are shown
_INDICATOR = 4  # pixels of the arrow that shows the order
_REPAINT_MS = 1000  # for columns that show ages


class TableView(QTableView):
    """Selects whole rows; they are named by ids, not positions."""

    chosen = Signal()  # other rows are selected: `selection.changed`
    opened = Signal(object)  # id of a row that was double-clicked, or on which Enter was pressed
    tail_left = Signal()  # the user scrolled away from the end while it was followed

    def __init__(self, model: TableModel[Any], placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = model
        self._placeholder = placeholder
        self.follow_tail = False
        self._customised = False  # the user chose columns or widths
        self._fitting = False
        self._anchor = QPersistentModelIndex()
        self._anchor_offset = 0
        self._look()
        self.setModel(model)
        self.selection = RowSelection(self, model)
        self.selection.changed.connect(self.chosen)
        self.setItemDelegate(CellDelegate(model, self))
        self._set_up_header()
        model.required_changed.connect(self._fit)
        model.about_to_apply.connect(self._remember_place)
        model.applied.connect(self._restore_place)
        self.doubleClicked.connect(lambda index: self.opened.emit(model.id_at(index.row())))
        self.verticalScrollBar().sliderMoved.connect(self._note_scroll)
        ages = QTimer(self, interval=_REPAINT_MS)
        ages.timeout.connect(self._repaint_ages)
        ages.start()

    def _look(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(rows.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 7)
        rows.setMinimumSectionSize(1)

    def _set_up_header(self) -> None:
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        for each in (header, self.verticalHeader()):  # a highlighted header asks of every row whether it is selected
            each.setSelectionModel(QItemSelectionModel(self._table, each))
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setMinimumSectionSize(36)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_column_menu)
        header.sectionResized.connect(self._note_customised)
        header.sectionMoved.connect(self._note_customised)
        self.setSortingEnabled(True)

    # Selection

    def selected_ids(self) -> list[Hashable]:
        return self.selection.in_order()

    def select_ids(self, ids: Sequence[Hashable]) -> None:
        """Select rows, without scrolling, and make the first of them the current one."""
        self.selection.make_current(self.selection.select(ids))

    def ids_in_sight(self) -> list[Hashable]:
        """Ids of the visible rows, from the top."""
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        if first < 0:
            return []
        return self._table.ids_between(first, last if last >= 0 else self._table.rowCount() - 1)

    def copy_rows(self) -> int:
        """Put the selected rows (all, when none is) on the clipboard, with tabs between cells. Returns how many."""
        positions = self.selection.positions() or range(self._table.rowCount())
        columns = [c for c in range(self._table.columnCount()) if not self.isColumnHidden(c)]
        titles = "\t".join(self._table.columns[c].title for c in columns)
        lines = ("\t".join(self._table.whole_text_at(position, c) for c in columns) for position in positions)
        QGuiApplication.clipboard().setText("\n".join((titles, *lines)))
        return len(positions)

    # Live data

    @Slot()
    def _remember_place(self) -> None:
        top = self.indexAt(QPoint(0, 0))
        at_start = self.verticalScrollBar().value() == 0  # the first rows stay visible
        self._anchor = QPersistentModelIndex() if at_start else QPersistentModelIndex(top)
        self._anchor_offset = self.rowViewportPosition(top.row()) if top.isValid() else 0

    @Slot(bool)
    def _restore_place(self, moved: bool) -> None:
        if self.follow_tail:
            self.scrollToBottom()
        elif self._anchor.isValid() and not moved:  # not after a reordering
            self.executeDelayedItemsLayout()
            shift = self.rowViewportPosition(self._anchor.row()) - self._anchor_offset
            if shift:
                bar = self.verticalScrollBar()
                bar.setValue(bar.value() + shift)
        self._anchor = QPersistentModelIndex()

    @Slot()
    def _repaint_ages(self) -> None:
        if self.isVisible() and self.isEnabled() and self._table.rowCount():
            self.viewport().update()

    @Slot()
    def _note_scroll(self) -> None:
        bar = self.verticalScrollBar()
        if self.follow_tail and bar.value() < bar.maximum():
            self.tail_left.emit()

    # Columns

    def save_columns(self) -> QByteArray | None:
        """The state of the header, None if the user never changed it."""
        return self.horizontalHeader().saveState() if self._customised else None

    def restore_columns(self, state: QByteArray | None) -> None:
        """Restore a saved header; None gives the columns that fit."""
        self._customised = bool(state is not None and self.horizontalHeader().restoreState(state))
        if not self._customised:
            header = self.horizontalHeader()
            for place in range(header.count()):
                header.moveSection(header.visualIndex(place), place)
            self._customised = False
        self._fit()

    def natural_width(self, column: int) -> int:
        """Width for the title and for values of the declared length, in pixels."""
        declared = self._table.columns[column]
        metrics = self.horizontalHeader().fontMetrics()
        title = metrics.horizontalAdvance(declared.title) + _INDICATOR
        body = self.fontMetrics() if not declared.numeric else QFontMetrics(digits_font())
        return max(title, body.horizontalAdvance("0") * declared.width) + _PADDING

    @Slot()
    def _fit(self) -> None:
        """Show the columns that fit; stretched ones share the remaining width."""
        columns = self._table.columns
        room = self.viewport().width()
        self._fitting = True
        if not self._customised:
            self._choose_columns(room)
        stretched = [i for i, column in enumerate(columns) if column.stretch and not self.isColumnHidden(i)]
        room -= self.horizontalHeader().length() - sum(map(self.columnWidth, stretched))
        for left, i in zip(range(len(stretched), 0, -1), stretched, strict=True):
            self.setColumnWidth(i, max(self.natural_width(i), room // left))
            room -= self.columnWidth(i)
        self._fitting = False

    def _choose_columns(self, room: int) -> None:
        columns, required = self._table.columns, self._table.required
        widths = [self.natural_width(i) for i in range(len(columns))]
        always = [i for i, c in enumerate(columns) if not c.rank or c.key in required]
        left = room - sum(widths[i] for i in always)
        yielding = {i for i in always if columns[i].yields and required and left < 0}
        left -= sum(widths[i] * (_STRETCH - 1) for i in always if columns[i].stretch)
        full = False
        for i in sorted(range(len(columns)), key=lambda i: columns[i].rank):
            self.setColumnHidden(i, i in yielding)
            if i not in always:
                full = full or widths[i] > left
                left -= 0 if full else widths[i]
                self.setColumnHidden(i, full)
            self.setColumnWidth(i, widths[i])

    @Slot()
    def _note_customised(self) -> None:
        if not self._fitting:
            self._customised = True

    @Slot(QPoint)
    def _show_column_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for i, column in enumerate(self._table.columns):
            action = menu.addAction(column.title)
            action.setToolTip(column.tip)
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(i))
            action.toggled.connect(lambda shown, i=i: self._show_column(i, shown))
        menu.addSeparator()
        menu.addAction("Columns That Fit", lambda: self.restore_columns(None))
        menu.popup(self.horizontalHeader().mapToGlobal(place))

    def _show_column(self, column: int, shown: bool) -> None:
        self._customised = True
        self.setColumnHidden(column, not shown)
        if shown:
            self.setColumnWidth(column, self.natural_width(column))
        self._fit()

    # Events

    def add_menu(self, actions: Sequence[QAction]) -> None:
        """Set the context menu."""
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.addActions(list(actions))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:  # what the key means may depend on what was just selected
            self.selection.settle()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        super().wheelEvent(event)
        self._note_scroll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current.isValid():
            self.opened.emit(self._table.id_at(current.row()))
            return
        super().keyPressEvent(event)
        self._note_scroll()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._table.rowCount():
            return
        text = "No row matches the filter" if self._table.total else self._placeholder
        painter = QPainter(self.viewport())
        painter.setPen(self.palette().placeholderText().color())
        room = self.viewport().rect().adjusted(24, 12, -24, -12)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
        painter.end()
