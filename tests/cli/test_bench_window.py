"""`moonscope bench --window`: real windows report when they are painted and how busy they are."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="measures the window, which is not installed here")

from moonscope_gui.bench import busy_share, reading, start_ratios


@pytest.mark.slow
def test_a_painted_window_is_compared_with_an_empty_one(tmp_path: Path) -> None:
    painted, plotted = start_ratios(str(tmp_path), rounds=1)
    assert len(painted) == len(plotted) == 1
    assert 0 < painted[0] < plotted[0]  # the first picture does not wait for the plots


@pytest.mark.slow
def test_a_window_on_a_busy_host_tells_its_share_of_every_second(tmp_path: Path) -> None:
    shares = busy_share(str(tmp_path), seconds=2)
    assert len(shares) == 2
    assert all(0 < share < 110 for share in shares)


@pytest.mark.slow
def test_a_reader_of_large_files_tells_what_kept_the_window_busy(tmp_path: Path) -> None:
    taken = reading(str(tmp_path), rounds=1)
    assert len(taken) == 7
    for what, sense, bound, values, unit in taken:
        assert what
        assert (sense, unit) == ("<=", "ms")
        assert bound > 0
        assert len(values) == 1
        assert values[0] > 0
