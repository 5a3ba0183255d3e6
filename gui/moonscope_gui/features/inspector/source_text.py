"""The source of a file: read, compared with what was compiled, and coloured line by line.

Pygments takes seconds for a file of some megabytes, so each line is coloured alone when it is painted. What a line
cannot know of itself, whether it begins inside a long string or comment, one pass over the file has found before.
That pass takes a portion of the text at a time: within one call of `re` no other thread of the process runs.
"""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pygments.lexers.scripting import LuaLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, String, _TokenType

from moonscope.model.names import to_bytes

from ...code.spans import Span
from .source_file import SourceFile

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is still shown."""
LONGEST_LINE = 2000
"""Characters of a line that are shown."""
TAB = 4
_PORTION = 1 << 18  # characters

_NO_LINE_END = re.compile("[^\r\n]")
_LINE_END = re.compile("\r\n|\n\r|\n|\r")
_LONG = re.compile(r"(?:--)?\[(=*)\[")
_SHORT = re.compile(r"""--[^\n]*|"(?:[^"\\\n]+|\\.)*"?|'(?:[^'\\\n]+|\\.)*'?""", re.DOTALL)
_BEGINNING = re.compile(r"""--|["']|\[=*\[""")  # of either
_TONES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (String, "string"),
    (Number, "number"),
    (Literal, "number"),
    (Keyword, "keyword"),
    (Name.Builtin, "builtin"),
    (Name.Function, "opcode"),
    (Name.Class, "opcode"),
)


class Block(NamedTuple):
    """A long string or comment over several lines, numbered from 0; `end` is the column behind it."""

    first: int
    start: int
    last: int
    end: int
    tone: str


class Source:
    """The lines of a file, and how to colour them."""

    def __init__(self, text: str) -> None:
        if "\r" in text:
            text = "".join(_LINE_END.sub("\n", portion) for portion in _portions(text))
        self.lines = list(_split(text))
        if len(self.lines) > 1 and not self.lines[-1]:
            self.lines.pop()
        self.width = min(max(len(line) + (TAB - 1) * line.count("\t") for line in self.lines), LONGEST_LINE)
        self._blocks = list(_blocks(text))
        self._starts = [block.first for block in self._blocks]
        lexer: Any = LuaLexer  # its methods are not typed
        self._lexer = lexer()

    def spans(self, number: int) -> list[Span]:
        """A line, from 0, in colours; tabs as spaces, and cut when it is very long."""
        line = self.lines[number]
        shown = line[:LONGEST_LINE]
        spans = _without_tabs(self._colour(number, shown))
        if len(line) > LONGEST_LINE:
            spans.append((f"… {len(line) - LONGEST_LINE:,} more characters", "muted"))
        return spans

    def _colour(self, number: int, line: str) -> Iterator[Span]:
        start, end = 0, len(line)
        before, tone = self._block_from_above(number)
        if before is not None:
            start = min(end, before)
            yield line[:start], tone
        below = self._block_to_below(number)
        if below is not None:
            end = min(end, below.start)
        yield from self._lex(line[start:end])
        if below is not None:
            yield line[end:], below.tone

    def _block_from_above(self, number: int) -> tuple[int | None, str]:
        """Up to which column a line belongs to what began on a line above."""
        at = bisect_right(self._starts, number - 1) - 1
        block = self._blocks[at] if at >= 0 else None
        if block is None or block.last < number:
            return None, ""
        return (block.end if block.last == number else LONGEST_LINE), block.tone

    def _block_to_below(self, number: int) -> Block | None:
        """What begins on this line and goes on below; of several the last one is it."""
        at = bisect_right(self._starts, number) - 1
        return self._blocks[at] if at >= 0 and self._blocks[at].first == number else None

    def _lex(self, text: str) -> Iterator[Span]:
        for _, kind, piece in self._lexer.get_tokens_unprocessed(text):
            yield piece, next((tone for parent, tone in _TONES if kind in parent), "text")


class Reading(NamedTuple):
    """What came of reading a source file. Without a `source`, `trouble` says why; with one, it says what to mind."""

    source: Source | None = None
    trouble: str = ""
    changed: bool = False  # it is not the version that was compiled


def read_source(file: SourceFile) -> Reading:
    """Read a file that may be anything. Never raises; may take a second, so not for the GUI thread."""
    path = Path(os.fsdecode(to_bytes(file.path)))
    try:
        found = path.stat()
        if not path.is_file():
            return Reading(trouble=f"{file.path} is not a file.")
        if found.st_size > LARGEST:
            return Reading(trouble=f"{file.path} has {found.st_size:,} bytes; up to {LARGEST:,} are shown.")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        return Reading(trouble=f"{file.path} cannot be read here: {reason}.")
    if data.startswith(b"\x1b"):
        return Reading(trouble=f"{file.path} holds a precompiled chunk, no source.")
    changed = _is_other(file, data, found.st_mtime)
    return Reading(Source(_decode(data)), "The file was changed since it was compiled." if changed else "", changed)


def _is_other(file: SourceFile, data: bytes, mtime: float) -> bool:
    if file.digest:
        return hashlib.sha256(data).hexdigest() != file.digest
    return bool(file.mtime) and abs(mtime - file.mtime) > 1e-6


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # what most Lua that is not UTF-8 was written in; all bytes stay visible


def _portions(text: str) -> Iterator[str]:
    """The text in pieces that end where a line does, with all line ends that follow there."""
    start = 0
    while start < len(text):
        end = _LINE_END.search(text, start + _PORTION)
        behind = _NO_LINE_END.search(text, end.end()) if end else None
        stop = behind.start() if behind else len(text)
        yield text[start:stop]
        start = stop


def _split(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start + _PORTION)) >= 0:
        yield from text[start:end].split("\n")
        start = end + 1
    yield from text[start:].split("\n")


def _blocks(text: str) -> Iterator[Block]:
    line = at = 0
    for start, end in _tokens(text):
        inside = text.count("\n", start, end)
        if inside:
            line += text.count("\n", at, start)
            tone = "comment" if text.startswith("--", start) else "string"
            yield Block(line, _column(text, start), line + inside, _column(text, end), tone)
            line += inside
            at = end


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    """Where strings and comments begin and end."""
    at = 0
    while at < len(text):
        stop = text.find("\n", at + _PORTION) + 1 or len(text)  # no beginning goes across the end of a line
        while found := _BEGINNING.search(text, at, stop):
            start = found.start()
            at = _end_of_token(text, start)
            yield start, at
        at = max(at, stop)


def _end_of_token(text: str, start: int) -> int:
    """Behind the string or comment that begins at `start`."""
    long = _LONG.match(text, start)
    if long is None:
        short = _SHORT.match(text, start)
        return short.end() if short else start + 1
    closing = f"]{long[1]}]"
    end = text.find(closing, long.end())
    return end + len(closing) if end >= 0 else len(text)


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at) - 1


def _without_tabs(spans: Iterator[Span]) -> list[Span]:
    shown: list[Span] = []
    column = 0
    for text, tone in spans:
        if "\t" in text:
            pieces = text.split("\t")
            text = pieces[0]
            for piece in pieces[1:]:
                text += " " * (TAB - (column + len(text)) % TAB) + piece
        text = "".join(c if c.isprintable() else "·" for c in text) if not text.isprintable() else text
        column += len(text)
        if shown and (shown[-1][1] == tone or text.isspace()):  # fewer pieces are painted faster
            shown[-1] = (shown[-1][0] + text, shown[-1][1])
        elif text:
            shown.append((text, tone))
    return shown
