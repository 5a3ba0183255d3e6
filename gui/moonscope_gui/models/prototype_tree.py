"""The prototypes of one chunk as a tree; nodes are made when a view asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from moonscope.model import Prototype, PrototypeTree

from . import formats

Index = QModelIndex | QPersistentModelIndex

COLUMNS = (
    ("Function", "Best known name, or the line it is defined in"),
    ("Lines", "First and last line of the definition"),
    ("Params", "Fixed parameters; … for more"),
    ("Code", "Instructions"),
    ("Consts", "Constants it refers to"),
    ("Upvals", "Variables of enclosing functions it captures"),
    ("Locals", "Local variables, parameters included"),
    ("Bytes", "Code, constants, debug information and header; strings apart; nested functions apart"),
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def name_of(prototype: Prototype) -> str:
    """What people call it: its name, `main chunk`, or `line 12`."""
    if prototype.line == 0:
        return "main chunk"
    return prototype.name or f"line {prototype.line}"


def parameters_of(prototype: Prototype) -> str:
    parts = [str(prototype.parameters)] if prototype.parameters or not prototype.vararg else []
    return ", ".join([*parts, "…"] if prototype.vararg else parts)


def lines_of(prototype: Prototype) -> str:
    if prototype.line == 0:
        return ""
    first, last = prototype.line, prototype.last_line
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"


_TEXTS = (
    name_of,
    lines_of,
    parameters_of,
    lambda p: formats.count(len(p.code)),
    lambda p: formats.count(len(p.constants)),
    lambda p: formats.count(len(p.upvalues)),
    lambda p: formats.count(len(p.locals)),
    lambda p: formats.count(p.size),
)


class _Node:
    """A place in the tree. Children are made when they are first asked for."""

    __slots__ = ("_children", "parent", "prototype", "row")

    def __init__(self, prototype: Prototype, row: int, parent: _Node | None) -> None:
        self.prototype = prototype
        self.row = row
        self.parent = parent
        self._children: list[_Node | None] | None = None

    def child(self, row: int) -> _Node:
        if self._children is None:
            self._children = [None] * len(self.prototype.children)
        node = self._children[row]
        if node is None:
            node = self._children[row] = _Node(self.prototype.children[row], row, self)
        return node

    def path(self) -> tuple[int, ...]:
        rows: list[int] = []
        node = self
        while node.parent is not None:
            rows.append(node.row)
            node = node.parent
        return tuple(reversed(rows))


class PrototypeTreeModel(QAbstractItemModel):
    """One row at the top, the main function. A place is also known by its path: the row of each step down from it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._root: _Node | None = None
        self._searched: list[tuple[tuple[int, ...], str, str]] | None = None  # path, title, contents

    def show(self, tree: PrototypeTree | None) -> None:
        self.beginResetModel()
        self._root = _Node(tree.root, 0, None) if tree is not None else None
        self._searched = None
        self.endResetModel()

    def prototype_at(self, index: Index) -> Prototype | None:
        return self._node(index).prototype if index.isValid() else None

    def path_of(self, index: Index) -> tuple[int, ...]:
        return self._node(index).path()

    def index_of(self, path: tuple[int, ...]) -> QModelIndex:
        """The index of a path, or as far down as there is something."""
        index = self.index(0, 0)
        for row in path:
            below = self.index(row, 0, index)
            if not below.isValid():
                break
            index = below
        return index

    def find(self, text: str) -> list[tuple[int, ...]]:
        """Paths of the prototypes that `text` leads to: by name or line first, then by constants and variables."""
        needle = text.strip().casefold()
        if not needle or self._root is None:
            return []
        if self._searched is None:
            self._searched = [(path, _title(found), _contents(found)) for found, path in _walk(self._root.prototype)]
        named = [path for path, title, _ in self._searched if needle in title]
        return named + [path for path, title, contents in self._searched if needle not in title and needle in contents]

    # QAbstractItemModel

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._node(parent).child(row) if parent.isValid() else self._root)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        node = self._node(index).parent if index.isValid() else None
        return self.createIndex(node.row, 0, node) if node is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return 0 if self._root is None else 1
        return len(self._node(parent).prototype.children) if parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TEXTS[index.column()](self._node(index).prototype)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and not index.column():
            prototype = self._node(index).prototype
            return f"{name_of(prototype)}, {formats.plural(prototype.total - 1, 'function')} inside"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole and section:
            return _RIGHT
        return None

    @staticmethod
    def _node(index: Index) -> _Node:
        node: _Node = index.internalPointer()
        return node


def _title(prototype: Prototype) -> str:
    return f"{name_of(prototype)}\n{lines_of(prototype)}".casefold()


def _contents(prototype: Prototype) -> str:
    names = [upvalue.name for upvalue in prototype.upvalues] + [local.name for local in prototype.locals]
    return "\n".join([*prototype.constants, *names]).casefold()


def _walk(root: Prototype) -> Iterator[tuple[Prototype, tuple[int, ...]]]:
    """Every prototype with its path, parents first. Not recursive: chunks may nest deeper than Python's stack."""
    waiting: list[tuple[Prototype, tuple[int, ...]]] = [(root, ())]
    while waiting:
        prototype, path = waiting.pop()
        yield prototype, path
        waiting += [(child, (*path, row)) for row, child in reversed(list(enumerate(prototype.children)))]
