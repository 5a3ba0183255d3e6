"""Places in a tree of prototypes: by path, by source line."""

from __future__ import annotations

from moonscope.model import Prototype, PrototypePath, walk

from .history import Place


def prototype_at(root: Prototype, path: PrototypePath) -> Prototype:
    """Raises IndexError for a path that leads nowhere."""
    for row in path:
        root = root.children[row]
    return root


def pc_of_line(prototype: Prototype, line: int, mention: str = "") -> int:
    """The first instruction of a source line, rather one whose meaning mentions something; 0 for none."""
    there = [each for each in prototype.code if each.line == line] if line else []
    return next((each.pc for each in there if mention in each.comment), there[0].pc if there else 0)


def place_of_line(root: Prototype, line: int) -> Place | None:
    """The first instruction of a source line in the innermost function that has any there."""
    around = [(path, each) for path, each in walk(root) if not path or each.line <= line <= each.last_line]
    for path, prototype in sorted(around, key=lambda found: -len(found[0])):
        if pc := pc_of_line(prototype, line):
            return Place(path, pc)
    return None
