"""Names of chunks as people read them: of any name that a script may give, one line that is not empty."""

from __future__ import annotations

_LONGEST = 40  # characters of the text of a chunk that has no name
_UNNAMED = "?"


def whole(source: str) -> str:
    """`@path` as the path, `=name` as the name, the text of a chunk as its first line in quotes."""
    if source.startswith(("@", "=")):
        return one_line(source[1:]) or _UNNAMED
    line = first_line(source)
    return f'"{line[:_LONGEST]}{"…" if line[:_LONGEST] != source else ""}"'


def short(source: str) -> str:
    """As `whole`, but of a path only what follows the last separator."""
    if not source.startswith("@"):
        return whole(source)
    path = whole(source)
    return path.replace("\\", "/").rsplit("/", 1)[-1] or path


def first_line(text: str) -> str:
    """The first line of a text; "" if it is empty."""
    return next(iter(text.splitlines()), "")


def one_line(text: str) -> str:
    """A text with a sign instead of each line break."""
    return "\N{RETURN SYMBOL}".join(text.splitlines())
