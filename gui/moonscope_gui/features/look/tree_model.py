"""What is in a VM as a tree: a level is asked for when a view opens it, and merged when it is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from moonscope.model import LookEntry, LookLevel, LookStep

from ...state import look_text
from ...widgets import formats, theme

Index = QModelIndex | QPersistentModelIndex
Path = tuple[LookStep, ...]

COLUMNS = (
    ("Name", "Key of a table, or what else leads on: a metatable, an upvalue"),
    ("Value", "Strings in quotes, functions by where they were written"),
    ("Type", "Functions: Lua closure, C closure, or light C function (a bare pointer)"),
    ("Details", "Entries, upvalues, and whether all VMs share the code"),
)
PAGE = 200  # entries that are asked for at once
_MOST = 500  # that one answer may have
_TEXTS = (lambda entry: entry.key, look_text.value_of, look_text.type_of, look_text.details_of)


class _Node:
    """A row: an entry, or a note below the entries of its parent. The root is no row."""

    __slots__ = ("asked", "children", "entry", "id", "known", "more", "note", "parent", "row", "stale", "tone")

    def __init__(self, id: int, parent: _Node | None, entry: LookEntry | None) -> None:
        self.id = id
        self.parent = parent
        self.row = 0
        self.entry = entry
        self.note = ""
        self.tone = "muted"  # of a note
        self.more: int | None = None  # of a note: the first entry that is asked for when it is opened
        self.children: list[_Node] = []  # entries, then perhaps a note
        self.asked: int | None = None  # an answer is on its way, from this entry on
        self.known = False  # an answer was given
        self.stale = False  # to be asked for again

    @property
    def entries(self) -> int:
        return len(self.children) - (1 if self.children and self.children[-1].entry is None else 0)

    def path(self) -> Path:
        steps: list[LookStep] = []
        node: _Node | None = self
        while node is not None and node.entry is not None:
            steps.append(node.entry.step)
            node = node.parent
        return tuple(reversed(steps))


class LookTreeModel(QAbstractItemModel):
    """Asks by the signal `wanted`; whoever answers calls `take` or `refuse`, in any order, or never."""

    wanted = Signal(object, int, int)  # path, first entry, number of entries

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nodes: dict[int, _Node] = {}
        self._last_id = 0
        self._root = self._new(None, None)

    # What is shown

    def clear(self) -> None:
        """Show nothing; answers that are on their way are not for what comes next."""
        self.beginResetModel()
        self._nodes.clear()
        self._root = self._new(None, None)
        self.endResetModel()

    def refresh(self) -> None:
        """Ask for all that is shown again, from the top; what is still there keeps its place."""
        for node in self._nodes.values():
            node.stale = node.known or node.asked is not None
            node.asked = None
        self._ask(self._root, 0)

    def open_note(self, index: Index) -> None:
        """Ask for what the note at `index` stands for: further entries, or the same once more."""
        note = self._node(index)
        if note.parent is not None and note.more is not None:
            self._ask(note.parent, note.more)

    def take(self, level: LookLevel) -> None:
        """An answer. One that nobody waits for any more is dropped."""
        node = self._find(level.path)
        if node is None or node.asked is None or level.offset > node.entries:
            return
        node.asked = None
        node.stale = False
        node.known = True
        self._set_note(node, "")
        if level.offset:
            self._append(node, level.entries)
        else:
            self._merge(node, level.entries)
        self._set_note(node, *_rest(level, node.entries))
        for child in node.children:
            if child.stale:
                self._ask(child, 0)

    def refuse(self, path: Path, text: str, tone: str = "error") -> None:
        """There is no answer, and why; opening the note asks again."""
        node = self._find(path)
        if node is not None and node.asked is not None:
            self._set_note(node, text, node.asked, tone)
            node.asked = None  # only now: a view that sees the note come must not ask again
            node.stale = False

    # Places

    def entry_at(self, index: Index) -> LookEntry | None:
        """None for a note."""
        return self._node(index).entry if index.isValid() else None

    def path_of(self, index: Index) -> Path:
        return self._node(index).path()

    def path_text(self, index: Index) -> str:
        """As a person would write it: `globals.player["odd key"][1](metatable)`."""
        keys: list[str] = []
        node: _Node | None = self._node(index)
        while node is not None and node.entry is not None:
            key = node.entry.key
            keys.append(key if key[0] in "[(" or node.parent is self._root else f".{key}")
            node = node.parent
        return "".join(reversed(keys))

    def walk(self) -> Iterator[tuple[QModelIndex, LookEntry]]:
        """All entries that are shown, parents first."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if node.entry is not None:
                yield self._index(node), node.entry
            waiting += reversed([child for child in node.children if child.entry is not None])

    # QAbstractItemModel

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._node(parent).children[row].id)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = self._node(index).parent if index.isValid() else None
        return self._index(above) if above is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self._node(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        node = self._node(parent)
        return parent.column() <= 0 and bool(node.children or _opens(node))

    def canFetchMore(self, parent: Index) -> bool:
        node = self._node(parent)
        return parent.column() <= 0 and _opens(node) and not (node.known or node.asked is not None or node.children)

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            self._ask(self._node(parent), 0)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        node, column = self._node(index), index.column()
        if node.entry is None:
            if role == Qt.ItemDataRole.ForegroundRole:
                return theme.colour(node.tone)
            shown = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) and column == 0
            return node.note if shown else None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TEXTS[column](node.entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            return formats.tip(look_text.tip_of(node.entry) if column else node.entry.key)
        if role == Qt.ItemDataRole.ForegroundRole:
            return _colour(node.entry, column)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section][1]
        return None

    # Inside

    def _new(self, parent: _Node | None, entry: LookEntry | None) -> _Node:
        self._last_id += 1
        node = self._nodes[self._last_id] = _Node(self._last_id, parent, entry)
        return node

    def _node(self, index: Index) -> _Node:
        return self._nodes[index.internalId()] if index.isValid() else self._root

    def _index(self, node: _Node, column: int = 0) -> QModelIndex:
        return QModelIndex() if node is self._root else self.createIndex(node.row, column, node.id)

    def _find(self, path: Path) -> _Node | None:
        node: _Node | None = self._root
        for step in path:
            if node is None:
                break
            node = next((child for child in node.children if child.entry and child.entry.step == step), None)
        return node

    def _ask(self, node: _Node, offset: int) -> None:
        if node.asked is not None:
            return
        node.asked = offset
        self.wanted.emit(node.path(), offset, PAGE if offset or not node.known else min(_MOST, max(PAGE, node.entries)))

    def _merge(self, node: _Node, entries: tuple[LookEntry, ...]) -> None:
        """Make the children these; those of the same key stay, with what is below them. Both are in the same order."""
        steps = {entry.step for entry in entries}
        for child in reversed(list(node.children)):
            if child.entry is not None and child.entry.step not in steps:
                self._remove(node, child.row)
        at = 0
        while at < len(entries):
            until = at
            present = node.children[at].entry if at < len(node.children) else None
            while until < len(entries) and (present is None or entries[until].step != present.step):
                until += 1
            if present is not None and until == len(entries):  # in another order: it comes anew
                self._remove(node, at)
            elif until > at:
                self._insert(node, at, entries[at:until])
                at = until
            else:
                self._update(node.children[at], entries[at])
                at += 1
        if node.children:
            last = len(COLUMNS) - 1
            self.dataChanged.emit(self._index(node.children[0]), self._index(node.children[-1], last))

    def _update(self, node: _Node, entry: LookEntry) -> None:
        node.entry = entry
        if not entry.opens:
            node.known = node.stale = False
            node.asked = None
            while node.children:
                self._remove(node, len(node.children) - 1)

    def _append(self, node: _Node, entries: tuple[LookEntry, ...]) -> None:
        """Add those that are not there: when the table grew meanwhile, pages overlap."""
        steps = {child.entry.step for child in node.children if child.entry is not None}
        fresh = tuple(entry for entry in entries if entry.step not in steps)
        if fresh:
            self._insert(node, len(node.children), fresh)

    def _insert(self, node: _Node, at: int, entries: tuple[LookEntry, ...]) -> None:
        self.beginInsertRows(self._index(node), at, at + len(entries) - 1)
        node.children[at:at] = [self._new(node, entry) for entry in entries]
        _number(node, at)
        self.endInsertRows()

    def _remove(self, node: _Node, at: int) -> None:
        self.beginRemoveRows(self._index(node), at, at)
        gone = [node.children.pop(at)]
        _number(node, at)
        while gone:
            child = gone.pop()
            del self._nodes[child.id]
            gone += child.children
        self.endRemoveRows()

    def _set_note(self, node: _Node, text: str, more: int | None = None, tone: str = "muted") -> None:
        """The note below the entries of a node; "" takes it away."""
        if node.entries < len(node.children):
            self._remove(node, len(node.children) - 1)
        if text:
            at = len(node.children)
            self.beginInsertRows(self._index(node), at, at)
            note = self._new(node, None)
            note.row, note.note, note.more, note.tone = at, text, more, tone
            node.children.append(note)
            self.endInsertRows()


def _opens(node: _Node) -> bool:
    return node.entry is not None and node.entry.opens


def _number(node: _Node, first: int) -> None:
    for row in range(first, len(node.children)):
        node.children[row].row = row


def _rest(level: LookLevel, shown: int) -> tuple[str, int | None, str]:
    """The note on what is not shown, and where it goes on."""
    if shown < level.listed:
        return f"{level.listed - shown:,} more; open this row for the next", shown, "link"
    if level.listed < level.total:
        more = " or more" if level.total_cut else ""
        return f"{level.total - level.listed:,}{more} further entries are not listed", None, "muted"
    return ("", None, "") if shown or not level.path else ("nothing", None, "muted")


def _colour(entry: LookEntry, column: int) -> Any:
    tone = (look_text.key_tone(entry), look_text.value_tone(entry), "muted", "muted")[column]
    return theme.colour(tone) if tone else None
