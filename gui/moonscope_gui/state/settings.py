"""What the window remembers between sessions: theme, layout, recent folders, console history."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

_RECENT = 10
_HISTORY = 500


def default_file() -> Path:
    return Path(platformdirs.user_config_dir("moonscope", appauthor=False)) / "window.ini"


class WindowSettings:
    """Remembered in the INI file `path`. An unreadable or damaged file gives defaults, never an error."""

    def __init__(self, path: Path | None = None) -> None:
        path = path or default_file()
        with contextlib.suppress(OSError):  # then nothing is remembered
            path.parent.mkdir(parents=True, exist_ok=True)
        self._store = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        name = self._store.value("theme", "system")
        return name if name in ("light", "dark", "system") else "system"

    @theme.setter
    def theme(self, name: str) -> None:
        self._store.setValue("theme", name)

    @property
    def plot_range(self) -> str:
        """The name of the time range of the plots, "" when none was chosen."""
        return str(self._store.value("plot_range", ""))

    @plot_range.setter
    def plot_range(self, name: str) -> None:
        self._store.setValue("plot_range", name)

    def layout(self, part: str) -> QByteArray | None:
        """The saved state of one part of the window (`geometry`, `docks`, `header/files` ...)."""
        value = self._store.value(f"layout/{part}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def set_layout(self, part: str, state: QByteArray) -> None:
        self._store.setValue(f"layout/{part}", state)

    def forget_layout(self) -> None:
        self._store.remove("layout")

    @property
    def recent(self) -> list[str]:
        """Files and folders opened last, newest first."""
        return self._strings("recent")

    def add_recent(self, path: str) -> None:
        """A path that is not UTF-8 cannot be remembered: QSettings would make another one of it."""
        if any("\ud800" <= character <= "\udfff" for character in path):
            return
        others = [known for known in self.recent if known != path]
        self._store.setValue("recent", [path, *others][:_RECENT])

    def forget_recent(self) -> None:
        self._store.remove("recent")

    @property
    def history(self) -> list[str]:
        """Console input, oldest first."""
        return self._strings("history")

    @history.setter
    def history(self, lines: list[str]) -> None:
        self._store.setValue("history", lines[-_HISTORY:])

    def save(self) -> None:
        self._store.sync()

    def _strings(self, key: str) -> list[str]:
        value = self._store.value(key, [])
        if isinstance(value, str):  # QSettings gives a list of one back as a plain value
            return [value]
        return [str(item) for item in value] if isinstance(value, list) else []
