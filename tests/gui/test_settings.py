"""What the window remembers, and that nothing bad in its file hurts it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from moonscope_gui.state.settings import WindowSettings


def reopened(settings: WindowSettings, tmp_path: Path) -> WindowSettings:
    settings.save()
    return WindowSettings(tmp_path / "settings" / "window.ini")


@pytest.mark.parametrize("paths", [[], ["/a"], ["/a b", "/ü,\n;", "/c"]])
def test_recent_paths_are_remembered_newest_first(settings: WindowSettings, tmp_path: Path, paths: list[str]) -> None:
    for path in paths:
        settings.add_recent(path)
    assert reopened(settings, tmp_path).recent == list(reversed(paths))


def test_a_path_is_remembered_once_and_old_ones_go(settings: WindowSettings) -> None:
    for number in range(20):
        settings.add_recent(f"/{number}")
    settings.add_recent("/15")
    assert settings.recent == ["/15", "/19", "/18", "/17", "/16", "/14", "/13", "/12", "/11", "/10"]


def test_history_keeps_lines_of_code_as_they_were(settings: WindowSettings, tmp_path: Path) -> None:
    settings.history = ["x = 1", "for i = 1, 2 do\n\tprint(i, '\\n')\nend", '"quoted, text"']
    assert reopened(settings, tmp_path).history == settings.history


def test_layouts_are_remembered_until_they_are_reset(settings: WindowSettings, tmp_path: Path) -> None:
    settings.set_layout("docks", QByteArray(b"\x00\x01state"))
    again = reopened(settings, tmp_path)
    assert again.layout("docks") == QByteArray(b"\x00\x01state")
    again.forget_layout()
    assert again.layout("docks") is None


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00garbage", b"[General]\ntheme=pink\nrecent=7\n[layout]\ndocks=no"]
)
def test_a_damaged_file_gives_defaults(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.ini"
    path.write_bytes(content)
    settings = WindowSettings(path)
    assert settings.theme == "system"
    assert settings.layout("docks") is None
    assert settings.history == []


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings = WindowSettings(tmp_path / "file" / "window.ini")
    settings.theme = "dark"
    settings.save()
