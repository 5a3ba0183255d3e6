"""Constants and names as text, the way luac prints them, within a bound on their sum.

Of a float all digits are told that it takes to read it back, so that two numbers never look the same; luac prints 14,
and so does a listing (`as_listed`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import copysign, isnan
from struct import pack, unpack

from ..errors import BytecodeError
from .layout import Boxed, Constant, RawFunction, Template
from .reporter import STRIDE, Reporter

_NAMED = {0x07: "\\a", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v"}
_NUMBERED = {code: f"\\{code:03d}" for code in range(256) if not 0x20 <= code < 0x7F}
_ESCAPES = _NUMBERED | _NAMED | {0x22: '\\"', 0x5C: "\\\\"}
_ESCAPED = re.compile(r"\\(\d{3}|.)", re.DOTALL)
_MEANT = {text[1:]: chr(code) for code, text in _NAMED.items()}
_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHOWN_SOURCE = 80


def unquoted(constant: str) -> bytes:
    """The bytes of a string constant that is shown in quotes."""

    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape) & 0xFF) if escape.isdigit() else _MEANT.get(escape, escape)

    return _ESCAPED.sub(plain, constant[1:-1]).encode("latin-1", "replace")


_QUOTED_OR_NUMBER = re.compile(r'"(?:\\.|[^"\\])*"|-?\d[\d.]*(?:e[+-]\d+)?')
_DIGITS = 14  # of a float that luac prints


def as_listed(text: str, constants: Sequence[str], kinds: Sequence[str]) -> str:
    """A text that names constants of a function (all of them, with their types), as luac prints it."""
    if len(text) <= _DIGITS:
        return text
    longer = {each for each, kind in zip(constants, kinds, strict=True) if kind in ("float", "number")}

    def shorter(match: re.Match[str]) -> str:
        number = match[0]
        return f"{float(number):.{_DIGITS}g}" if number in longer and len(number) > _DIGITS else number

    return _QUOTED_OR_NUMBER.sub(shorter, text)


class Texts:
    """Turns the constants and names of one chunk into text.

    A dump may name one long string a million times (5.5 writes it once), and a listing repeats constants. So
    every use is counted, and a chunk whose text would exceed `room` characters is refused: BytecodeError.
    """

    def __init__(self, room: int, float_format: str, integers: bool) -> None:
        self._room = room
        self._unseen = room
        self._float_format = float_format
        self._integers = integers
        self._quoted: dict[bytes, tuple[str, str]] = {}
        self._names: dict[bytes, str] = {}

    def spend(self, characters: int) -> None:
        """Count `characters` of text that was made. Raises BytecodeError when it is too much for the chunk."""
        self._room -= characters
        if self._room < 0:
            raise BytecodeError("damaged Lua chunk: its text would be far longer than the chunk itself")

    def reserve(self, characters: int) -> bool:
        """Instead of `spend`, for text that is not there yet and may be shorter: whether there is still room, once more
        as much, for so much. If not, the text must be counted."""
        if characters > self._unseen:
            return False
        self._unseen -= characters
        return True

    def constants(self, values: Sequence[Constant], reporter: Reporter) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts of several, and their types. Raises CancelledError."""
        texts: list[str] = []
        kinds: list[str] = []
        for at in range(0, len(values), STRIDE):
            reporter.check()
            for value in values[at : at + STRIDE]:
                known = self._quoted.get(value) if type(value) is bytes else None  # most are texts, used before
                text, kind = known or self.constant(value)
                texts.append(text)
                kinds.append(kind)
            self.spend(sum(map(len, texts[at:])))
        return tuple(texts), tuple(kinds)

    def constant(self, value: Constant) -> tuple[str, str]:
        """Text and Lua type; from 5.3 on "integer" and "float" instead of "number"."""
        if isinstance(value, bytes):
            told = self._quoted.get(value)
            if told is None:
                told = self._quoted[value] = (f'"{value.decode("latin-1").translate(_ESCAPES)}"', "string")
            return told
        if value is None:
            return "nil", "nil"
        if isinstance(value, bool):
            return ("true" if value else "false"), "boolean"
        if isinstance(value, int):
            return str(value), "integer"
        if isinstance(value, float):
            return self._float(value), "float" if self._integers else "number"
        return self._object(value)

    def _object(self, value: Template | Boxed | RawFunction) -> tuple[str, str]:
        """What only LuaJIT has among the constants of a function."""
        if isinstance(value, RawFunction):
            return f"function <{value.line},{value.last_line}>", "function"
        text = f"{{{', '.join(self._items(value))}}}" if isinstance(value, Template) else self._boxed(value)
        return text, "table" if isinstance(value, Template) else value.type

    def _items(self, table: Template) -> Iterator[str]:
        """As a constructor would have it. A field whose value is computed is nil in the template."""
        for index, value in enumerate(table.array):
            if index or value is not None:
                yield self.constant(value)[0] if index else f"[0] = {self.constant(value)[0]}"
        for key, value in table.fields:
            name = key.decode() if isinstance(key, bytes) and _IDENTIFIER.match(key) else f"[{self.constant(key)[0]}]"
            yield f"{name} = {self.constant(value)[0]}"

    def _boxed(self, value: Boxed) -> str:
        data = pack(f"<{len(value.words)}I", *value.words)
        if value.type == "complex":
            real, imaginary = unpack("<2d", data)
            return f"{self._float(real)}+{self._float(imaginary)}i"
        signed = value.type == "int64"
        return f"{int.from_bytes(data, 'little', signed=signed)}{'LL' if signed else 'ULL'}"

    def _float(self, value: float) -> str:
        if isnan(value):
            return "-nan" if copysign(1.0, value) < 0 else "nan"
        text = self._float_format % value
        if float(text) != value:
            text = f"{value:.17g}"
        if self._integers and text.lstrip("-").isdigit():
            return text + ".0"
        return text

    def name(self, value: bytes | None) -> str:
        """A name of debug information; bytes that are not UTF-8 as \\xNN; "" when it was stripped."""
        if value is None:
            return ""
        text = self._names.get(value)
        if text is None:
            text = self._names[value] = value.decode("utf-8", "backslashreplace")
        self.spend(len(text))
        return text

    def source(self, value: bytes | None) -> str:
        """A chunkname. Source text that serves as one (`load` without a name) is shortened: every prototype
        carries it. Stripped: "=?", as Lua itself says."""
        if value is None:
            return "=?"
        if value[:1] not in (b"@", b"=") and len(value) > _SHOWN_SOURCE:
            value = value[:_SHOWN_SOURCE] + "…".encode()
        return self.name(value)
