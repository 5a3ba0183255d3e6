"""The window on a real X display: it is painted, and rows appear in it. Without a screen, use `xvfb-run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage

FILES = ["alpha.lua", "beta.lua", "gamma.lua"]
PATIENCE = 120  # seconds

pytestmark = pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="needs an X display: use xvfb-run")


def colours(image: QImage, area: QRect) -> dict[int, int]:
    """How many pixels there are of each colour."""
    found: dict[int, int] = {}
    for y in range(area.top(), area.bottom() + 1):
        for x in range(area.left(), area.right() + 1):
            pixel = image.pixel(x, y)
            found[pixel] = found.get(pixel, 0) + 1
    return found


def test_the_window_is_painted_and_fills_with_rows(tmp_path: Path) -> None:
    folder = tmp_path / "lua"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text("return function(a) return a end\n")
    before, after = tmp_path / "before.png", tmp_path / "after.png"
    driver = Path(__file__).with_name("driver.py")
    ended = subprocess.run(
        [sys.executable, str(driver), str(tmp_path / "window.ini"), str(folder), str(before), str(after)],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout.splitlines()[-1])
    assert report["platform"] == "xcb"
    assert report["files"] == FILES
    assert report["vms"] == 4

    screen = QImage(str(after))
    table = QRect(*report["table"]) & screen.rect()
    width, height = report["window"]
    assert screen.width() >= width / 2 and screen.height() >= height / 2
    assert len(colours(screen, screen.rect())) > 50, "the screen is all but blank"
    assert colours(screen, table) != colours(QImage(str(before)), table), "no rows were painted"
