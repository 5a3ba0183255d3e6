"""What a treemap shows: boxes by name and bytes, one inside the other. Of one file, or of the whole cache."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from moonscope.model import PrototypePath, PrototypeTree, walk

from ..widgets import formats
from .parts import Part, parts_of
from .prototype_names import name_of

REST = "strings and the rest"


class Shape(NamedTuple):
    """A function with those nested in it, or what else takes room. Small: the prototypes themselves are not kept."""

    name: str
    size: int  # bytes of its own
    parts: tuple[Part, ...] = ()  # what they are spent on; none: not known
    children: tuple[Shape, ...] = ()
    tone: str = "text"  # token of the colour that its name is written in
    functions: int = 0  # inside it


def shape_of(tree: PrototypeTree) -> Shape:
    """Takes a while for large files: not for the GUI thread."""
    shapes: dict[int, Shape] = {}
    for prototype in reversed(list(tree.root.walk())):
        parts = tuple(part for part in parts_of(prototype, tree.lua) if part.size)
        children = tuple(shapes[id(child)] for child in prototype.children)
        inside = sum(1 + child.functions for child in children)
        shapes[id(prototype)] = Shape(name_of(prototype), prototype.size, parts, children, functions=inside)
    return shapes[id(tree.root)]


def file_shape(name: str, shared: int, functions: Shape | None, *, retired: bool) -> Shape:
    """A generation in the cache, with its `shared` bytes; `functions` is what `shape_of` made of it, None: unknown."""
    tone = "retired" if retired else "text"
    if functions is None:
        return Shape(name, shared, tone=tone)
    whole = total(functions)
    if shared < whole:  # the cache packs what it shares: it is not told of which function how much
        functions = _Scale(shared, whole).shape(functions)
    rest = shared - min(shared, whole)
    children = functions.children + ((Shape(REST, rest, tone="muted"),) if rest > 0 else ())
    return functions._replace(name=name, children=children, tone=tone)


class _Scale:
    """Sizes in proportion, in whole bytes whose sum is right: each is the difference of two rounded running sums."""

    def __init__(self, small: int, large: int) -> None:
        self._small, self._large = small, large
        self._passed = 0  # of the large sizes

    def shape(self, shape: Shape) -> Shape:
        """Of a function, which is its parts. Recursion is bounded by the nesting that Lua's compiler allows."""
        parts = tuple(part._replace(size=self._next(part.size)) for part in shape.parts)
        size = sum(part.size for part in parts)
        children = tuple(map(self.shape, shape.children))
        return shape._replace(size=size, parts=tuple(part for part in parts if part.size), children=children)

    def _next(self, size: int) -> int:
        before = self._passed * self._small // self._large
        self._passed += size
        return self._passed * self._small // self._large - before


def total(shape: Shape) -> int:
    """Bytes with all that is inside."""
    return sum(inside.size for _, inside in walk(shape))


def parts_in(shapes: Sequence[Shape]) -> list[Part]:
    """The parts of all that is inside, added up."""
    sums: dict[tuple[str, str], int] = {}
    for _, shape in chain.from_iterable(map(walk, shapes)):
        for title, token, size in shape.parts or (Part(REST.capitalize(), "border", shape.size),):
            sums[title, token] = sums.get((title, token), 0) + size
    return [Part(title, token, size) for (title, token), size in sorted(sums.items(), key=lambda each: -each[1])]


class Sizes:
    """Bytes of each box with all inside it, by path; and the boxes inside by size. For large files, not for the GUI
    thread."""

    def __init__(self, root: Shape) -> None:
        self._shapes: dict[PrototypePath, Shape] = dict(walk(root))
        self._total: dict[PrototypePath, int] = {path: shape.size for path, shape in self._shapes.items()}
        for path in reversed(self._shapes):
            if path:
                self._total[path[:-1]] += self._total[path]

    def __contains__(self, path: PrototypePath) -> bool:
        return path in self._shapes

    def total(self, path: PrototypePath) -> int:
        return self._total[path]

    def shape(self, path: PrototypePath) -> Shape:
        return self._shapes[path]

    def children(self, path: PrototypePath) -> list[PrototypePath]:
        """The largest first."""
        nested = [(*path, at) for at in range(len(self._shapes[path].children))]
        return sorted(nested, key=lambda child: -self._total[child])

    def words(self, path: PrototypePath, whole: str) -> str:
        """`World:tick · 712 B of its own · 900 B with 2 functions inside · 14.2 % of the file`; `whole`: of what."""
        shape, size = self._shapes[path], self._total[path]
        words = [shape.name]
        if shape.size:
            words.append(f"{formats.size(shape.size)} of its own" if shape.functions else formats.size(shape.size))
        if shape.functions:
            words.append(f"{formats.size(size)} with {formats.plural(shape.functions, 'function')} inside")
        words.append(f"{formats.percent(size / max(self._total[()], 1))} of {whole}")
        return " · ".join(words)
