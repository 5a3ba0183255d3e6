"""Which prototype of one tree is which of the other."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property

from ..model import LuaVersion, Prototype, PrototypePath, walk
from .normal import normal_constants, normal_texts

_ALIKE = 0.5  # functions with less in common are not taken for versions of each other …
_RENAMED = 0.75  # … or this, when they have names and the names differ,
_TELLING = 8  # … and they need this many instructions: small functions are alike by chance
_MOST_SCORES = 40_000  # similarities worked out for the children of one pair


class Node:
    """A prototype with its place in its tree."""

    def __init__(self, prototype: Prototype, path: PrototypePath, lua: LuaVersion) -> None:
        self.prototype = prototype
        self.path = path
        self._lua = lua

    @cached_property
    def texts(self) -> list[str]:
        """The normalized texts of its instructions, in order."""
        return normal_texts(self.prototype, self._lua)

    @cached_property
    def fingerprint(self) -> Hashable:
        """Equal for prototypes that do the same, whatever their lines."""
        own = self.prototype
        return own.parameters, own.vararg, normal_constants(own), tuple(self.texts)

    @cached_property
    def words(self) -> Counter[str]:
        """How often each of `texts` occurs."""
        return Counter(self.texts)

    def children(self) -> list[Node]:
        """The prototypes directly inside, each with its path from the main function."""
        return [Node(child, (*self.path, at), self._lua) for at, child in enumerate(self.prototype.children)]

    def all(self) -> list[Node]:
        """This one and all below it, parents first."""
        return [Node(prototype, (*self.path, *path), self._lua) for path, prototype in walk(self.prototype)]


Pair = tuple[Node, Node]


def match_trees(a: Node, b: Node, same_source: bool) -> tuple[list[Pair], list[Node], list[Node]]:
    """Pairs, and those only in `a` and only in `b`. The roots are a pair.

    Children of a pair are matched by name and content, name, content, lines and similarity, in this order of
    trust; what is left is looked for anywhere in the other tree, by name and content. `same_source` says that both
    are one file compiled by two Luas: then lines come first.
    """
    keys = (_name_and_content, _name, _content, _lines_of_unnamed)
    pairs: list[Pair] = []
    only_a: list[Node] = []
    only_b: list[Node] = []
    waiting = [(a, b)]
    while waiting:
        pair = waiting.pop()
        pairs.append(pair)
        level = _Level(pair[0].children(), pair[1].children())
        for key in (_lines, *keys) if same_source else keys:
            level.match(key)
        level.match_similar()
        waiting += level.pairs
        only_a += level.a
        only_b += level.b
    moved = _Level([node for top in only_a for node in top.all()], [node for top in only_b for node in top.all()])
    for key in (_name_and_content, _content, _name):
        moved.match(key)
    return pairs + moved.pairs, moved.a, moved.b


def _name_and_content(node: Node) -> Hashable | None:
    return (node.prototype.name, node.fingerprint) if node.prototype.name else None


def _name(node: Node) -> Hashable | None:
    return node.prototype.name or None


def _content(node: Node) -> Hashable | None:
    """A named function keeps its content when it is renamed, but a small one is no evidence."""
    return node.fingerprint if not node.prototype.name or len(node.texts) >= _TELLING else None


def _lines(node: Node) -> Hashable | None:
    return (node.prototype.line, node.prototype.last_line) if node.prototype.line else None


def _lines_of_unnamed(node: Node) -> Hashable | None:
    return None if node.prototype.name else _lines(node)


class _Level:
    """Prototypes still without a partner on both sides, and the pairs found so far."""

    def __init__(self, a: list[Node], b: list[Node]) -> None:
        self.a = a
        self.b = b
        self.pairs: list[Pair] = []

    def match(self, key: Callable[[Node], Hashable | None]) -> None:
        """Pair those with equal keys, in order; a key of None has no equal."""
        if not (self.a and self.b):
            return
        waiting: dict[Hashable, deque[Node]] = {}
        for node in self.a:
            waiting.setdefault(key(node), deque()).append(node)
        waiting.pop(None, None)
        found = []
        for node in self.b:
            partners = waiting.get(key(node))
            if partners:
                found.append((partners.popleft(), node))
        self._take(found)

    def match_similar(self) -> None:
        """Pair the most similar first; of very many, only those at the same position are compared."""
        if len(self.a) * len(self.b) <= _MOST_SCORES:
            candidates: Iterable[Pair] = ((one, other) for one in self.a for other in self.b)
        else:
            candidates = zip(self.a, self.b, strict=False)
        scored = [(similarity(*pair), pair) for pair in candidates]
        scored = sorted((each for each in scored if each[0] >= _least(*each[1])), key=lambda each: -each[0])
        taken: set[Node] = set()
        found = []
        for _, pair in scored:
            if taken.isdisjoint(pair):
                taken.update(pair)
                found.append(pair)
        self._take(found)

    def _take(self, found: list[Pair]) -> None:
        taken = {node for pair in found for node in pair}
        self.pairs += found
        self.a = [node for node in self.a if node not in taken]
        self.b = [node for node in self.b if node not in taken]


def _least(a: Node, b: Node) -> float:
    """How similar two have to be to be a pair."""
    if not (a.prototype.name and b.prototype.name):
        return _ALIKE
    return _RENAMED if min(len(a.texts), len(b.texts)) >= _TELLING else 2.0


def similarity(a: Node, b: Node) -> float:
    """Instructions in common, wherever they stand, as a share of all: 0.0 – 1.0."""
    total = len(a.texts) + len(b.texts)
    return 2 * (a.words & b.words).total() / total if total else 1.0
