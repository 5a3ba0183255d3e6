"""The command palette: finds actions by words of their names."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Slot
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QKeySequence, QPainter, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from . import theme

_ACTION_ROLE = Qt.ItemDataRole.UserRole
_SHORTCUT_ROLE = Qt.ItemDataRole.UserRole + 1
_ICON_SIZE = QSize(16, 16)
_MARGIN = 8  # pixels beside the shortcut


def plain_text(action: QAction) -> str:
    """The text of an action without mnemonics and ellipsis."""
    return action.text().replace("&", "").removesuffix("…")


def matches(words: str, text: str) -> bool:
    """True if each word occurs in `text`; order and case do not matter."""
    folded = text.casefold()
    return all(word in folded for word in words.casefold().split())


class _ShortcutDelegate(QStyledItemDelegate):
    """Paints the shortcut at the right edge."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        painter.save()
        painter.setPen(theme.colour("muted"))
        room = option.rect.adjusted(0, 0, -_MARGIN, 0)  # type: ignore[attr-defined, unused-ignore]
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, index.data(_SHORTCUT_ROLE))
        painter.restore()


class CommandPalette(QDialog):
    """Lists enabled actions first, then the disabled ones in grey."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command-palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = [action for action in actions if action.text()]
        self.line = QLineEdit(placeholderText="What do you want to do?", clearButtonEnabled=True)
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(_ICON_SIZE)
        self.list.setItemDelegate(_ShortcutDelegate(self.list))
        blank = QPixmap(_ICON_SIZE)
        blank.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(blank)  # so that all names begin at the same place
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.line)
        layout.addWidget(self.list)
        self.resize(520, 380)
        self.line.textChanged.connect(self._fill)
        self.line.returnPressed.connect(self._trigger)
        self.list.itemActivated.connect(self._trigger)
        self.list.itemClicked.connect(self._trigger)
        self.line.installEventFilter(self)
        self._fill()
        if parent is not None:
            corner = parent.mapToGlobal(parent.rect().topLeft())
            self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + 60)
        self.line.setFocus()

    @Slot()
    def _fill(self) -> None:
        self.list.clear()
        found = [action for action in self._actions if matches(self.line.text(), f"{plain_text(action)}")]
        for action in sorted(found, key=lambda action: not action.isEnabled()):
            item = QListWidgetItem(self._blank if action.icon().isNull() else action.icon(), plain_text(action))
            item.setData(_SHORTCUT_ROLE, action.shortcut().toString(QKeySequence.SequenceFormat.NativeText))
            item.setToolTip(action.toolTip())
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 9))
            item.setData(_ACTION_ROLE, action)
            if not action.isEnabled():
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    @Slot()
    def _trigger(self) -> None:
        item = self.list.currentItem()
        if item is None or not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        action: QAction = item.data(_ACTION_ROLE)
        self.accept()
        action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys in the line move in the list."""
        moves = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in moves:
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)
