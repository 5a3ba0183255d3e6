"""Live plots of memory, loads and VMs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QPaintEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedLayout,
    QToolButton,
    QWidget,
)

from moonscope.model import Mark, Sample

from ...widgets import formats, icons, theme
from ...widgets.buttons import tool_button
from ...widgets.elided_label import ElidedLabel
from ...widgets.layouts import stack
from ...widgets.saving import save_chooser, show_save_error
from .marks import Marks

if TYPE_CHECKING:
    from .history import History
    from .plot_area import PlotArea

_SPANS: tuple[tuple[str, float | None], ...] = (("30 s", 30.0), ("2 min", 120.0), ("10 min", 600.0), ("All", None))
_FIRST_SPAN = 120.0
_MINIMUM_SIZE = QSize(280, 190)
_EMPTY = "No samples yet.\nMemory, loads and VMs appear here as soon as the engine reports them."


class PlotsDock(QWidget):
    """Plots what the engine samples. Recording never stops; pausing holds only the view.

    The plots are built, and pyqtgraph is imported, after the dock was painted once, so that the window opens sooner.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._connected = True
        self._paused = False
        self._span: float | None = _FIRST_SPAN
        self._totals = False
        self._is_empty = True  # nothing was recorded since `reset`
        self.marks = Marks()
        self._plots: PlotArea | None = None
        self._state = ElidedLabel()
        self._empty = QLabel(_EMPTY, alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._pages = QStackedLayout()
        self._pages.addWidget(self._empty)
        layout = stack(self)
        layout.addLayout(self._tool_row())
        layout.addLayout(self._pages, 1)
        theme.set_tone(self._empty, "muted")
        self._show_state()

    @cached_property
    def history(self) -> History:
        """What was sampled."""
        from .history import History

        return History()

    @property
    def plots(self) -> PlotArea:
        """The plots."""
        if self._plots is None:
            from .plot_area import PlotArea

            self._plots = plots = PlotArea(self.history, self.marks)
            plots.set_span(self._span)
            plots.show_totals(self._totals)
            plots.set_paused(self._paused)
            plots.set_dimmed(not self._connected)
            plots.follow(even_paused=True)
            self._pages.addWidget(plots)
            self._show_state()
        return self._plots

    @property
    def is_plotting(self) -> bool:
        """True when samples are shown."""
        return not self._is_empty and self._plots is not None and self._plots.isVisible()

    # What the window calls

    def add_samples(self, samples: tuple[Sample, ...]) -> None:
        if not samples:
            return
        for sample in samples:
            self.history.add(sample)
        if self._plots is not None:
            self._plots.follow(even_paused=self._is_empty)
        self._is_empty = False
        self._show_state()

    def add_marks(self, marks: tuple[Mark, ...]) -> None:
        self.marks.add(marks)
        if marks and self._plots is not None:
            self._plots.redraw()

    def reset(self) -> None:
        """Forget what was recorded: the samples come from another engine now."""
        self.marks.clear()
        if not self._is_empty:
            self.history.clear()
            self._is_empty = True
        if self._plots is not None:
            self._plots.follow()
        self._show_state()

    def set_connected(self, connected: bool) -> None:
        """Without a connection, the lines end and the plots are dimmed."""
        self._connected = connected
        if not connected and not self._is_empty:
            self.history.add_gap()
        if self._plots is not None:
            self._plots.follow()
            self._plots.set_dimmed(not connected)
        self._show_state()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        if self._plots is not None:
            self._plots.set_paused(paused)
        self._show_state()

    def set_span(self, seconds: float | None) -> None:
        """Show the last 30, 120 or 600 seconds, or all (None)."""
        for button, (_, span) in zip(self._span_buttons, _SPANS, strict=True):
            button.setChecked(span == seconds)
        self._span = seconds
        if self._plots is not None:
            self._plots.set_span(seconds)

    @property
    def range_name(self) -> str:
        """The time range that is chosen, as its button says it."""
        return next((button.text() for button in self._span_buttons if button.isChecked()), "")

    def choose_range(self, name: str) -> None:
        """Choose a range by its name; unknown names are ignored."""
        spans = dict(_SPANS)
        if name in spans:
            self.set_span(spans[name])

    # The row of controls

    def _tool_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(6, 4, 6, 2)
        row.setSpacing(2)
        self._span_buttons = self._choices(row, [
            (text, f"Show the last {text}" if span else "Show everything since the start",
             partial(self.set_span, span))
            for text, span in _SPANS
        ])  # fmt: skip
        row.addSpacing(10)
        kinds = self._choices(row, [
            ("Rates", "Loads per second", lambda: self._show_totals(False)),
            ("Totals", "Loads since the start of the engine", lambda: self._show_totals(True)),
        ])  # fmt: skip
        kinds[0].setChecked(True)
        self.set_span(_FIRST_SPAN)
        row.addSpacing(10)
        row.addWidget(self._state, 1)
        save = tool_button("", "Save the plots as a picture or as numbers")
        save.setIcon(icons.icon("export"))
        save.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        save.setMenu(self._export_menu(save))
        row.addWidget(save)
        return row

    def _choices(self, row: QHBoxLayout, choices: list[tuple[str, str, Callable[[], None]]]) -> list[QToolButton]:
        """Buttons of which one is pressed."""
        group = QButtonGroup(self)
        buttons = []
        for text, tip, chosen in choices:
            button = tool_button(text, tip, checked=False)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _, chosen=chosen: chosen())
            group.addButton(button)
            row.addWidget(button)
            buttons.append(button)
        return buttons

    def _show_totals(self, totals: bool) -> None:
        self._totals = totals
        if self._plots is not None:
            self._plots.show_totals(totals)

    def _show_state(self) -> None:
        self._empty.setText(_EMPTY if self._is_empty else "")
        self._pages.setCurrentWidget(self._empty if self._is_empty or self._plots is None else self._plots)
        text, tip, token = "", "", "muted"
        if not self._connected and not self._is_empty:  # before the first sample nothing was lost
            last = formats.clock(self.history.last_time)
            text, token = f"● Not connected – last sample at {last}", "danger"
        elif self._paused:
            text, token = "❚❚ Paused – recording goes on", "accent"
            tip = "Only the view is held. Drag to move it, turn the wheel to zoom."
        self._state.setText(text)
        self._state.setToolTip(tip or text)
        theme.set_tone(self._state, token)

    def minimumSizeHint(self) -> QSize:
        """The same with and without the plots, so that docks keep their sizes when they are built."""
        return _MINIMUM_SIZE

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._plots is None:
            QTimer.singleShot(0, self, lambda: self.plots)

    # Saving

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self._export_menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def _export_menu(self, parent: QWidget) -> QMenu:
        menu = QMenu(parent)
        menu.addAction(icons.icon("copy"), "Copy Picture", self._copy)
        menu.addAction(icons.icon("screenshot"), "Save Picture as PNG…", lambda: self._choose_file("PNG"))
        menu.addAction(icons.icon("screenshot"), "Save Picture as SVG…", lambda: self._choose_file("SVG"))
        menu.addAction(icons.icon("export"), "Save Shown Samples as CSV…", lambda: self._choose_file("CSV"))
        return menu

    def _copy(self) -> None:
        self.plots.hide_cursor()
        QGuiApplication.clipboard().setPixmap(self.plots.grab())

    def _choose_file(self, kind: str) -> None:
        suffix = kind.lower()
        chooser = save_chooser(self, "Save the plots", f"moonscope-plots.{suffix}", [f"{kind} (*.{suffix})"])
        chooser.setDefaultSuffix(suffix)
        chooser.fileSelected.connect(self._try_save)
        chooser.open()

    @Slot(str)
    def _try_save(self, name: str) -> None:
        try:
            self.save(Path(name))
        except (OSError, ValueError) as error:
            show_save_error(self, str(error))

    def save(self, path: Path) -> None:
        """Write the plots, in the form that the suffix of `path` names (.png, .svg or .csv).

        Raises OSError when it cannot be written, ValueError for another suffix.
        """
        self.plots.hide_cursor()
        from ...widgets.picture import save_png, save_svg
        from .export import save_csv

        match path.suffix.lower():
            case ".png":
                save_png(self.plots, path)
            case ".svg":
                save_svg(self.plots, path)
            case ".csv":
                save_csv(self.plots.visible_rows(), path)
            case other:
                raise ValueError(f"{path.name}: plots are saved as .png, .svg or .csv, not as “{other}”")
