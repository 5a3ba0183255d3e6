"""`moonscope bench --window`: real windows report when they are painted and how busy they are."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="measures the window, which is not installed here")

from moonscope_gui.bench import busy_share, time_to_paint


def test_a_painted_window_is_compared_with_an_empty_one(tmp_path: Path) -> None:
    ratios = time_to_paint(str(tmp_path), rounds=1)
    assert len(ratios) == 1
    assert ratios[0] > 0


def test_a_window_on_a_busy_host_tells_its_share_of_every_second(tmp_path: Path) -> None:
    shares = busy_share(str(tmp_path), seconds=2)
    assert len(shares) == 2
    assert all(0 < share < 110 for share in shares)
