"""Live plots of what the engine samples."""

from __future__ import annotations

from ...link.context import Context
from ...state.settings import WindowSettings
from ...widgets.workspace import Part
from ..feature import Feature
from .dock import PlotsDock


class PlotsFeature(Feature):
    """Memory, loads and VMs over time."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dock = PlotsDock()
        self.part = Part("plots", "Live plots", self.dock, "bottom", "plot")
        context.state.samples_added.connect(self.dock.add_samples)
        context.state.marks_added.connect(self.dock.add_marks)
        context.link.connected.connect(lambda _: self.dock.reset())
        context.engine_changed.connect(self.dock.set_connected)
        context.paused.connect(self.dock.set_paused)

    def restore_layout(self, settings: WindowSettings) -> None:
        self.dock.choose_range(settings.plot_range)

    def save_layout(self, settings: WindowSettings) -> None:
        settings.plot_range = self.dock.range_name
