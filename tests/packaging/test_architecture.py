"""ARCHITECTURE.md names files; they are there."""

from __future__ import annotations

import re
from pathlib import Path

FOLDERS = ("", "core/moonscope", "core/moonscope/_native", "gui/moonscope_gui")


def test_every_file_that_is_named_exists(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.(?:py|pyi|c|h|inc\.h|toml))`", text))
    assert len(named) > 30
    assert {name for name in named if not any((root / folder / name).exists() for folder in FOLDERS)} == set()


def test_every_folder_of_the_engine_and_the_window_is_listed(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = [
        path.parent for top in ("core/moonscope", "gui/moonscope_gui") for path in (root / top).glob("*/__init__.py")
    ]
    assert folders
    assert {folder.name for folder in folders if f"{folder.name}/" not in text} == set()
