"""Colours by meaning: readable in both themes, and icons that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from moonscope.analysis.values import Kind, Reason, Verdict
from moonscope_gui.code.byte_bar import ByteBar
from moonscope_gui.code.parts import Part
from moonscope_gui.code.reasons_model import ReasonsModel
from moonscope_gui.code.shapes import Shape, Sizes
from moonscope_gui.code.treemap_view import TreemapView
from moonscope_gui.features.inspector.source_text import Source
from moonscope_gui.features.inspector.source_view import SourceModel, SourceView
from moonscope_gui.widgets import icons, theme
from moonscope_gui.widgets.bars import Bar, BarChart, Group
from moonscope_gui.widgets.message_bar import Message, MessageBar
from moonscope_gui.widgets.table_view import TableView
from moonscope_gui.widgets.toned_text import TonedText

NAMES_OF_THE_WINDOW = [
    "open-file", "open-folder", "spawn", "run", "load", "collect", "interrupt", "close", "close-all", "clear", "evict",
    "pause", "theme", "screenshot", "copy", "export", "console", "log", "file", "vm", "generation", "plot", "prototype",
    "stale", "failed", "running", "restart",
]  # fmt: skip


def luminance(colour: QColor) -> float:
    """As WCAG 2 defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def contrast(one: QColor, other: QColor) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.fixture(autouse=True)
def light_afterwards(qapp: QApplication) -> Iterator[None]:
    yield
    theme.apply(qapp, "light")


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("token", theme.TEXT_TOKENS)
def test_text_is_readable(qapp: QApplication, name: str, token: str) -> None:
    theme.apply(qapp, name)
    for ground in ("base", "alternate", "window", "plot-background"):
        assert contrast(theme.colour(token), theme.colour(ground)) >= 4.5, ground


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("token", theme.CODE_TOKENS)
def test_code_is_readable_on_marked_rows(qapp: QApplication, name: str, token: str) -> None:
    theme.apply(qapp, name)
    for ground in ("row-current", "row-linked", "row-hover", "found", "row-removed", "row-added"):
        assert contrast(theme.colour(token), theme.colour(ground)) >= 4.5, ground


@pytest.mark.parametrize("name", ["light", "dark"])
def test_selected_text_and_icons_are_readable(qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    assert contrast(theme.colour("selection-text"), theme.colour("selection")) >= 4.5
    assert contrast(theme.colour("icon"), theme.colour("window")) >= 4.5


def test_dark_and_light_are_what_they_say(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")
    assert theme.is_dark()
    assert qapp.palette().color(QPalette.ColorRole.Window).lightness() < 128
    theme.apply(qapp, "light")
    assert not theme.is_dark()
    assert qapp.palette().color(QPalette.ColorRole.Window).lightness() > 128


def toned_label() -> QWidget:
    label = QLabel("Changed on disk")
    theme.set_tone(label, "stale")
    return label


def toned_text() -> QWidget:
    text = TonedText(10, "")
    text.write("first", "error")
    text.write("second", "muted")
    return text


def message_bar() -> QWidget:
    bar = MessageBar()
    bar.show_message(Message("The host was lost", kind="warning"))
    return bar


def bar_chart() -> QWidget:
    chart = BarChart()
    chart.show_groups([Group("Memory", [Bar("shared", 2.0, "shared"), Bar("private", 1.0, "private")], str)])
    return chart


def treemap() -> QWidget:
    view = TreemapView()
    view.show_sizes(Sizes(Shape("cache", 0, children=(Shape("a", 10), Shape("b", 20)), functions=3)))
    return view


def byte_bar() -> QWidget:
    bar = ByteBar()
    bar.show_parts([Part("code", "part-code", 10), Part("lines", "part-lines", 5)])
    return bar


def source_view() -> QWidget:
    model = SourceModel()
    model.show(Source("local x = 'one' -- a comment"))
    view = SourceView(model)
    model.setParent(view)
    return view


def table() -> QWidget:
    model = ReasonsModel()
    kind, weight = Kind.READS_STANDARD, Verdict.WRITES_GLOBALS
    model.reset_rows([(0, Reason(kind=kind, weight=weight, name="x", line=3, path=(), function="f", text="x"))])
    view = TableView(model, "")
    model.setParent(view)
    return view


MAKERS = [toned_label, toned_text, message_bar, bar_chart, treemap, byte_bar, source_view, table]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "hidden"])
def test_what_is_there_looks_like_what_is_made_after_the_change(
    qapp: QApplication, qtbot: QtBot, make: Callable[[], QWidget], seen: bool
) -> None:
    def shown() -> QWidget:
        widget = make()
        qtbot.addWidget(widget)
        for each in (widget, *widget.findChildren(QWidget)):
            each.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # only one at a time would look focused
        widget.resize(300, 120)
        widget.setVisible(seen)
        qapp.processEvents()  # scroll bars come and go
        return widget

    theme.apply(qapp, "light")
    older = shown()
    before = older.grab().toImage()
    theme.apply(qapp, "dark")
    newer = shown()
    after = older.grab().toImage()
    assert after != before
    assert after == newer.grab().toImage()


def test_the_palette_changes_when_the_colours_have(qapp: QApplication, qtbot: QtBot) -> None:
    seen: list[QColor] = []

    class Watcher(QWidget):
        def changeEvent(self, event: QEvent) -> None:
            if event.type() == QEvent.Type.PaletteChange:
                seen.append(theme.colour("base"))

    theme.apply(qapp, "light")
    watcher = Watcher()
    qtbot.addWidget(watcher)
    watcher.show()
    theme.apply(qapp, "dark")
    assert seen
    assert set(map(QColor.name, seen)) == {theme.colour("base").name()}


def test_system_follows_the_desktop(qapp: QApplication) -> None:
    theme.apply(qapp, "system")
    assert theme.chosen() == "system"
    qapp.setStyleSheet("")
    qapp.styleHints().colorSchemeChanged.emit(qapp.styleHints().colorScheme())
    assert qapp.styleSheet(), "it was dressed anew"
    theme.apply(qapp, "dark")
    qapp.styleHints().colorSchemeChanged.emit(qapp.styleHints().colorScheme())
    assert theme.is_dark(), "a chosen theme does not follow the desktop"


def test_unknown_names_are_refused(qapp: QApplication) -> None:
    with pytest.raises(ValueError, match="light, dark, system"):
        theme.apply(qapp, "sepia")
    with pytest.raises(KeyError):
        theme.colour("mauve")
    with pytest.raises(KeyError):
        icons.icon("teapot")


def test_both_themes_know_the_same_colours(qapp: QApplication) -> None:
    colours = []
    for name in ("light", "dark"):
        theme.apply(qapp, name)
        colours.append([theme.colour(token).name() for token in theme.tokens()])
    assert len(colours[0]) == len(colours[1])
    assert all(one != other for one, other in zip(*colours, strict=True)), "a colour was forgotten in one theme"


def test_the_style_sheet_has_no_colour_left_to_fill_in(qapp: QApplication) -> None:
    theme.apply(qapp, "dark")
    assert "@" not in qapp.styleSheet()
    assert theme.colour("border").name() in qapp.styleSheet()


def test_fixed_font_has_one_width(qapp: QApplication) -> None:
    metrics = QFontMetricsF(theme.fixed_font())
    assert len({metrics.horizontalAdvance(letter) for letter in "iM0. "}) == 1


@pytest.mark.parametrize("name", NAMES_OF_THE_WINDOW)
def test_each_icon_is_drawn_in_the_colours_of_the_theme(qapp: QApplication, name: str) -> None:
    icon = icons.icon(name)
    strongest = []
    for chosen in ("light", "dark"):
        theme.apply(qapp, chosen)
        strongest.append(strongest_colour(icon, QIcon.Mode.Normal))
    assert strongest[0] != strongest[1]


def test_disabled_icons_are_grey(qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    assert strongest_colour(icons.icon("clear"), QIcon.Mode.Disabled) == theme.colour("disabled").name()


def strongest_colour(icon: QIcon, mode: QIcon.Mode) -> str:
    """The colour of the most opaque point."""
    image = icon.pixmap(QSize(32, 32), mode).toImage()
    points = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    point = max(points, key=lambda colour: colour.alpha())
    assert point.alpha() > 200, "nothing was drawn"
    return point.name()


def test_the_application_has_an_icon(qapp: QApplication) -> None:
    assert not icons.app_icon().pixmap(64, 64).isNull()
