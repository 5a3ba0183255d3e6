"""Two trees of prototypes side by side: two files, two generations of one, or one file under two Luas."""

from __future__ import annotations

from collections import Counter

from ..model import PrototypeTree
from .diff import differences
from .match import Node, match_trees
from .normal import normal_constants
from .values import Comparison, Hunk, Match, Place, PrototypeChange, Side


def compare(a: PrototypeTree, b: PrototypeTree) -> Comparison:
    """What became of each prototype of `a` in `b`."""
    before, after = Node(a.root, (), a.lua), Node(b.root, (), b.lua)
    pairs, removed, added = match_trees(before, after, same_source=a.key == b.key and a.lua is not b.lua)
    changes = {two.path: _pair(one, two) for one, two in pairs}
    changes |= {node.path: PrototypeChange(match=Match.ADDED, b=_place(node)) for node in added}
    gone = {node.path: PrototypeChange(match=Match.REMOVED, a=_place(node)) for node in removed}
    notices = [f"{tree.key}: {tree.notice}" for tree in (a, b) if tree.notice]
    if a.lua is not b.lua:
        notices.append(
            f"{a.lua.full_name} and {b.lua.full_name} have different instructions: what differs need not mean a change."
        )
    return Comparison(
        a=_side(a, before), b=_side(b, after), changes=_in_order(changes, gone, before, after), notice=" ".join(notices)
    )


def _in_order(
    changes: dict[tuple[int, ...], PrototypeChange],
    gone: dict[tuple[int, ...], PrototypeChange],
    before: Node,
    after: Node,
) -> tuple[PrototypeChange, ...]:
    """As in B; a removed prototype follows the one it followed in A."""
    partner = {change.a.path: path for path, change in changes.items() if change.a is not None}
    followers: dict[tuple[int, ...], list[PrototypeChange]] = {}
    last: tuple[int, ...] = ()
    for node in before.all():
        if node.path in gone:
            followers.setdefault(last, []).append(gone[node.path])
        else:
            last = partner[node.path]
    return tuple(each for node in after.all() for each in (changes[node.path], *followers.get(node.path, ())))


def _pair(a: Node, b: Node) -> PrototypeChange:
    if a.fingerprint == b.fingerprint:
        return PrototypeChange(match=Match.SAME, a=_place(a), b=_place(b), similarity=1.0)
    spans, coarse = differences(a.texts, b.texts)
    before, after = Counter(normal_constants(a.prototype)), Counter(normal_constants(b.prototype))
    total = len(a.texts) + len(b.texts)
    changed = sum(span.a_to - span.a_from + span.b_to - span.b_from for span in spans)
    return PrototypeChange(
        match=Match.CHANGED,
        a=_place(a),
        b=_place(b),
        similarity=1 - changed / total if total else 1.0,
        hunks=tuple(
            Hunk(span.a_from + 1, span.b_from + 1, _texts(a, span.a_from, span.a_to), _texts(b, span.b_from, span.b_to))
            for span in spans
        ),
        constants_removed=tuple((before - after).elements()),
        constants_added=tuple((after - before).elements()),
        coarse=coarse,
    )


def _texts(node: Node, start: int, end: int) -> tuple[str, ...]:
    return tuple(node.texts[start:end])


def _place(node: Node) -> Place:
    own = node.prototype
    return Place(node.path, own.name, own.line, own.last_line, own.size, len(own.code))


def _side(tree: PrototypeTree, root: Node) -> Side:
    nodes = [node.prototype for node in root.all()]
    instructions = sum(len(each.code) for each in nodes)
    return Side(tree.lua, tree.key, tree.generation, len(nodes), instructions, sum(each.size for each in nodes))
