"""The prototypes of one chunk as a tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from moonscope.model import Prototype, PrototypePath, PrototypeTree

from ...code.prototype_names import lines_of, name_of, parameters_of
from ...widgets import formats

Index = QModelIndex | QPersistentModelIndex

COLUMNS = (
    ("Function", "Best known name, or the line it is defined in"),
    ("Lines", "First and last line of the definition"),
    ("Params", "Fixed parameters; ... for more"),
    ("Code", "Instructions"),
    ("Consts", "Constants it refers to"),
    ("Upvals", "Variables of enclosing functions it captures"),
    ("Locals", "Local variables, parameters included"),
    ("Bytes", "Code, constants, debug information and header; strings apart; nested functions apart"),
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

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


class PrototypeTreeModel(QAbstractItemModel):
    """One row at the top, the main function. A place is also known by its path: the row of each step down from it.

    Prototypes are numbered level by level, so those nested in one function have numbers in a row: an index is made
    from numbers alone, and the ten thousand that a view asks for when it opens a large file cost next to nothing.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._set(None)

    def show(self, tree: PrototypeTree | None) -> None:
        self.beginResetModel()
        self._set(tree)
        self.endResetModel()

    def _set(self, tree: PrototypeTree | None) -> None:
        self._prototypes = [tree.root] if tree is not None else []
        self._parents = [-1]
        self._firsts: list[int] = []  # the number of the first nested prototype of each
        for number, prototype in enumerate(self._prototypes):  # grows as it goes
            self._firsts.append(len(self._prototypes))
            self._prototypes += prototype.children
            self._parents += [number] * len(prototype.children)

    def prototype_at(self, index: Index) -> Prototype | None:
        return self._prototypes[index.internalId()] if index.isValid() else None

    def path_of(self, index: Index) -> tuple[int, ...]:
        return _path(self._parents, self._firsts, index.internalId())

    def index_of(self, path: tuple[int, ...]) -> QModelIndex:
        """The index of a path, or as far down as there is something."""
        index = self.index(0, 0)
        for row in path:
            below = self.index(row, 0, index)
            if not below.isValid():
                break
            index = below
        return index

    def largest(self) -> tuple[int, int, int]:
        """The last line of all, and the most instructions and the most bytes of one prototype."""
        return (
            max((each.last_line for each in self._prototypes), default=0),
            max((len(each.code) for each in self._prototypes), default=0),
            max((each.size for each in self._prototypes), default=0),
        )

    def finder(self) -> Callable[[str], list[PrototypePath]]:
        """Looks through the prototypes of now, in any thread: paths of those that a text leads to, by name or line
        first, then by constants and variables."""
        return partial(_find, self._prototypes, partial(_path, self._parents, self._firsts))

    # QAbstractItemModel

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not 0 <= column < len(COLUMNS) or not 0 <= row < self.rowCount(parent):
            return QModelIndex()
        return self.createIndex(row, column, self._firsts[parent.internalId()] + row if parent.isValid() else 0)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        number = self._parents[index.internalId()] if index.isValid() else -1
        if number < 0:
            return QModelIndex()
        return self.createIndex(number - self._firsts[self._parents[number]] if number else 0, 0, number)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        return self.rowCount(parent) > 0

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return min(len(self._prototypes), 1)
        return len(self._prototypes[parent.internalId()].children) if parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TEXTS[index.column()](self._prototypes[index.internalId()])
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and not index.column():
            prototype = self._prototypes[index.internalId()]
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


def _path(parents: list[int], firsts: list[int], number: int) -> PrototypePath:
    rows: list[int] = []
    while number > 0:
        parent = parents[number]
        rows.append(number - firsts[parent])
        number = parent
    return tuple(reversed(rows))


def _find(prototypes: list[Prototype], path_of: Callable[[int], PrototypePath], text: str) -> list[PrototypePath]:
    needle = text.strip().casefold()
    if not needle:
        return []
    titled = {n for n, prototype in enumerate(prototypes) if needle in _title(prototype)}
    inside = {n for n, prototype in enumerate(prototypes) if n not in titled and needle in _contents(prototype)}
    return sorted(map(path_of, titled)) + sorted(map(path_of, inside))


def _title(prototype: Prototype) -> str:
    return f"{name_of(prototype)}\n{lines_of(prototype)}".casefold()


def _contents(prototype: Prototype) -> str:
    names = [upvalue.name for upvalue in prototype.upvalues] + [local.name for local in prototype.locals]
    return "\n".join([*prototype.constants, *names]).casefold()
