"""The start: what the first picture of the window does without, and that the engine gets ready meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from moonscope_gui.app import application as app
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.inspector.feature import InspectorFeature
from moonscope_gui.features.plots.feature import PlotsFeature
from moonscope_gui.features.plots.plot_area import PlotArea
from moonscope_gui.state.settings import WindowSettings

from .conftest import PATIENCE_MS, Person

LATER = ("numpy", "pyqtgraph", "pygments", "lupa", "moonscope.bytecode", "moonscope.analysis.compare",
         "moonscope.analysis.verdict", "moonscope_gui.features.inspector.browser",
         "moonscope_gui.features.compare.dialog", "moonscope_gui.features.vms.spawn_dialog",
         "moonscope_gui.features.plots.plot_area")  # fmt: skip

BUILT = textwrap.dedent(
    """
    import json, sys
    from moonscope_gui.app import application as app
    window = app.open_window("light", [])
    window.show()
    print(json.dumps(sorted(sys.modules)))
    """
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a process has imported when its window is built and about to be painted."""
    home = {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("home")), "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.run(
        [sys.executable, "-c", BUILT], env={**os.environ, **home}, capture_output=True, text=True, check=True
    )
    return set(json.loads(process.stdout))


@pytest.mark.parametrize("module", LATER)
def test_the_first_picture_does_not_wait_for(module: str, imported: set[str]) -> None:
    assert "moonscope_gui.app.main_window" in imported
    assert module not in imported


def test_the_plots_are_there_soon_after_the_first_picture(qtbot: QtBot, tmp_path: Path) -> None:
    window = app.build(settings=WindowSettings(tmp_path / "window.ini"))
    qtbot.addWidget(window)
    window.show()
    assert not window.findChildren(PlotArea)
    qtbot.waitUntil(lambda: bool(window.findChildren(PlotArea)), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_no_dialog_is_built_before_it_is_opened(window: MainWindow) -> None:
    assert not window.findChildren(QDialog)


@pytest.mark.slow
def test_no_dock_moves_when_plots_and_prototypes_arrive(person: Person, folder: Path) -> None:
    window = person.window
    before = places(window)
    (folder / "broken.lua").unlink()  # a message would take room
    person.opens(folder)
    person.selects("one.lua")
    person.waits_until(lambda: window.feature(InspectorFeature).dock.current is not None)
    person.waits_until(lambda: window.feature(PlotsFeature).dock.is_plotting)
    assert places(window) == before


def places(window: MainWindow) -> dict[str, QRect]:
    return {name: window.workspace.docks[name].geometry() for name in ("files", "vms", "plots", "prototypes")}
