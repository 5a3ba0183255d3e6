"""Colours by meaning: readable in both themes, and icons that follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFontMetricsF, QIcon, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope_gui.widgets import icons, theme

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


def test_the_change_is_told_once_it_is_done(qapp: QApplication, qtbot: QtBot) -> None:
    theme.apply(qapp, "light")
    seen: list[QColor] = []
    remember = lambda: seen.append(theme.colour("base"))  # noqa: E731
    theme.notifier.changed.connect(remember)
    theme.apply(qapp, "dark")
    theme.notifier.changed.disconnect(remember)
    assert seen == [theme.colour("base")]
    assert seen[0].lightness() < 128


def test_system_follows_the_desktop(qapp: QApplication, qtbot: QtBot) -> None:
    theme.apply(qapp, "system")
    assert theme.chosen() == "system"
    with qtbot.waitSignal(theme.notifier.changed):
        qapp.styleHints().colorSchemeChanged.emit(qapp.styleHints().colorScheme())
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
