"""Constants and names as text, the way luac prints them, within a bound on their sum."""

from __future__ import annotations

from math import copysign, isnan

from ..errors import BytecodeError
from .layout import Constant

_NAMED = {0x07: "\\a", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v"}
_NUMBERED = {code: f"\\{code:03d}" for code in range(256) if not 0x20 <= code < 0x7F}
_ESCAPES = _NUMBERED | _NAMED | {0x22: '\\"', 0x5C: "\\\\"}
_SHOWN_SOURCE = 80


class Texts:
    """Turns the constants and names of one chunk into text.

    A dump may name one long string a million times (5.5 writes it once), and a listing repeats constants. So
    every use is counted, and a chunk whose text would exceed `room` characters is refused: BytecodeError.
    """

    def __init__(self, room: int, float_format: str, integers: bool) -> None:
        self._room = room
        self._float_format = float_format
        self._integers = integers
        self._quoted: dict[bytes, str] = {}
        self._names: dict[bytes, str] = {}

    def spend(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0:
            raise BytecodeError("damaged Lua chunk: its text would be far longer than the chunk itself")

    def constant(self, value: Constant) -> tuple[str, str]:
        """Text and Lua type; from 5.3 on "integer" and "float" instead of "number"."""
        if isinstance(value, bytes):
            text = self._quoted.get(value)
            if text is None:
                text = self._quoted[value] = f'"{value.decode("latin-1").translate(_ESCAPES)}"'
            self.spend(len(text))
            return text, "string"
        if value is None:
            return "nil", "nil"
        if isinstance(value, bool):
            return ("true" if value else "false"), "boolean"
        if isinstance(value, int):
            return str(value), "integer"
        return self._float(value), "float" if self._integers else "number"

    def _float(self, value: float) -> str:
        if isnan(value):
            return "-nan" if copysign(1.0, value) < 0 else "nan"
        text = self._float_format % value
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
