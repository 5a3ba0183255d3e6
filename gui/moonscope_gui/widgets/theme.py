"""The light and the dark theme: palette, style sheet, and named colours.

Colours are named by what they mean (`colour("hit")`). They are based on the colour-blind-safe palette of Okabe and
Ito, darkened or lightened until text in them is readable on the table background (WCAG contrast of at least 4.5 for
every token of `TEXT_TOKENS`).
"""

from __future__ import annotations

import re

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from moonscope_resources import icon_folder, style_sheet

NAMES = ("light", "dark", "system")

_LIGHT = {
    "window": "#f3f4f7", "base": "#ffffff", "alternate": "#f7f8fb", "raised": "#e9ebf0", "border": "#c9ced8",
    "text": "#1b1f27", "muted": "#596273", "disabled": "#9aa2af", "icon": "#414a5a",
    "accent": "#1d5fb8", "selection": "#cfe1fa", "selection-text": "#10233f", "danger": "#b3261e",
    "hit": "#00735a", "miss": "#8d5700", "bypass": "#3f6a92", "race": "#97377f", "error": "#bb3300",
    "shared": "#00639f", "private": "#985300", "unshared": "#5b6474", "retired": "#8a3a86", "stale": "#8d5700",
    "running": "#00735a", "grid": "#dfe3ea", "plot-background": "#ffffff", "mark": "#6a7383",
    "keyword": "#7b2d91", "string": "#9a4200", "number": "#00639f", "comment": "#4d6b52", "builtin": "#00705a",
    "opcode": "#1c4f94", "register": "#006274", "upvalue": "#8a3a86", "local": "#1d6a2c", "link": "#1d5fb8",
    "jump": "#8b95a5", "loop": "#b8721f",
    "row-current": "#dbe8fb", "row-linked": "#fdf3d3", "row-hover": "#eef2f8", "found": "#ffdcb8",
    "row-removed": "#fdeae7", "row-added": "#e3f6ea",
    "part-code": "#b5d3f2", "part-constants": "#f6d6a4", "part-functions": "#f3c4dd", "part-upvalues": "#dac6ee",
    "part-locals": "#b9e2c8", "part-lines": "#d6dbe3", "part-header": "#e7dcc9",
}  # fmt: skip
_DARK = {
    "window": "#1e2128", "base": "#16181d", "alternate": "#1b1e24", "raised": "#2a2e37", "border": "#3a404c",
    "text": "#e4e7ec", "muted": "#9fa8b7", "disabled": "#666e7c", "icon": "#c3cad6",
    "accent": "#6cb0ff", "selection": "#274a75", "selection-text": "#f2f6fc", "danger": "#ff8478",
    "hit": "#3ecf9e", "miss": "#efb341", "bypass": "#86b6e8", "race": "#e08fcb", "error": "#ff8a66",
    "shared": "#56b4f2", "private": "#efa948", "unshared": "#a9b2c0", "retired": "#d590d8", "stale": "#efb341",
    "running": "#3ecf9e", "grid": "#2b303a", "plot-background": "#14161b", "mark": "#8c96a6",
    "keyword": "#d59cf0", "string": "#f0a875", "number": "#7cc4f8", "comment": "#8fb294", "builtin": "#54cfae",
    "opcode": "#8fbcff", "register": "#6fd0e0", "upvalue": "#dc9fdc", "local": "#93d68f", "link": "#79b6ff",
    "jump": "#6a7486", "loop": "#d19a4c",
    "row-current": "#22395a", "row-linked": "#38331f", "row-hover": "#22262e", "found": "#4d3a12",
    "row-removed": "#3b2226", "row-added": "#17342a",
    "part-code": "#2b5482", "part-constants": "#74521a", "part-functions": "#74365a", "part-upvalues": "#573b78",
    "part-locals": "#255b3c", "part-lines": "#454d5a", "part-header": "#5a4f3d",
}  # fmt: skip

TEXT_TOKENS = (
    "text", "muted", "accent", "danger", "hit", "miss", "bypass", "race", "error",
    "shared", "private", "unshared", "retired", "stale", "running",
    "keyword", "string", "number", "comment", "builtin", "opcode", "register", "upvalue", "local", "link",
)  # fmt: skip
"""Tokens that text is written in; all are readable on `base`, `alternate`, `window` and `plot-background`."""

CODE_TOKENS = (
    "text", "muted", "keyword", "string", "number", "comment", "builtin", "opcode", "register", "upvalue", "local",
    "link",
)  # fmt: skip
"""Tokens of listings and source; all are readable on the bands `row-current`, `row-linked` and `row-hover`, and on
`found`, `row-removed` and `row-added`, too."""


class _Desktop(QObject):  # only methods of QObjects can be connected just once
    @Slot()
    def follow(self) -> None:
        app = QApplication.instance()
        if _chosen == "system" and isinstance(app, QApplication):
            apply(app, "system")


_desktop = _Desktop()
_colours = {token: QColor(value) for token, value in _LIGHT.items()}
_chosen = "light"
_text_palettes: dict[str, QPalette] = {}


def colour(token: str) -> QColor:
    """The colour that stands for `token` in the present theme. Raises KeyError for an unknown token."""
    return QColor(_colours[token])


def text_palette(token: str) -> QPalette:
    """The application's palette with text in the colour of `token`; disabled text keeps the colour of disabled text."""
    if token not in _text_palettes:
        _text_palettes[token] = palette = QPalette(QApplication.palette())
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            palette.setColor(group, QPalette.ColorRole.Text, colour(token))
    return _text_palettes[token]


def set_tone(widget: QWidget, token: str) -> None:
    """Show the text of a label in the colour of `token`, one of `TEXT_TOKENS`, in every theme."""
    if widget.property("tone") != token:
        widget.setProperty("tone", token)
        widget.style().unpolish(widget)  # style sheets are not matched anew when a property changes
        widget.style().polish(widget)


def tokens() -> tuple[str, ...]:
    """The names that `colour` knows."""
    return tuple(_LIGHT)


def values(name: str) -> dict[str, str]:
    """All colours of "light" or "dark" as #rrggbb, whatever is chosen; for what is read outside of the window."""
    return dict({"light": _LIGHT, "dark": _DARK}[name])


def is_dark() -> bool:
    return _colours["base"].lightness() < 128


def chosen() -> str:
    """What was last applied: "light", "dark" or "system"."""
    return _chosen


def apply(app: QApplication, name: str) -> None:
    """Set palette and style sheet: "light", "dark", or "system" to follow the desktop.

    Widgets get a `PaletteChange` event after the colours changed; those that cache colours look them up again.
    Raises ValueError for another name.
    """
    global _chosen
    if name not in NAMES:
        raise ValueError(f"there is no theme {name!r}; choose one of {', '.join(NAMES)}")
    _chosen = name
    hints = app.styleHints()
    hints.colorSchemeChanged.connect(_desktop.follow, Qt.ConnectionType.UniqueConnection)
    dark = name == "dark" or (name == "system" and hints.colorScheme() == Qt.ColorScheme.Dark)
    _dress(app, _DARK if dark else _LIGHT)


def fixed_font() -> QFont:
    """A font whose digits and letters all have one width, in the size of the application's font."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    metrics = QFontMetricsF(font)
    if metrics.horizontalAdvance("i") != metrics.horizontalAdvance("M"):  # Qt found none
        font.setFamilies(["DejaVu Sans Mono", "Menlo", "Consolas", "Liberation Mono", "monospace"])
    font.setPointSizeF(QApplication.font().pointSizeF())
    return font


def _dress(app: QApplication, values: dict[str, str]) -> None:
    _colours.update({token: QColor(value) for token, value in values.items()})
    _text_palettes.clear()
    app.setStyle("Fusion")
    app.setPalette(_palette())
    words = {token: colour.name() for token, colour in _colours.items()}
    words |= {"icons": icon_folder().as_posix(), "theme": "dark" if is_dark() else "light"}
    words |= {f"{token}-tint": f"#24{words[token][1:]}" for token in TEXT_TOKENS}  # 14 % opaque
    tones = "".join(f'QLabel[tone="{token}"] {{ color: {words[token]}; }}\n' for token in TEXT_TOKENS)
    app.setStyleSheet(tones + re.sub(r"@([a-z-]+)", lambda found: words[found[1]], style_sheet()))


def _palette() -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for target, token in {
        role.Window: "window", role.WindowText: "text", role.Base: "base", role.AlternateBase: "alternate",
        role.ToolTipBase: "raised", role.ToolTipText: "text", role.PlaceholderText: "muted", role.Text: "text",
        role.Button: "window", role.ButtonText: "text", role.BrightText: "danger", role.Link: "accent",
        role.LinkVisited: "race", role.Highlight: "selection", role.HighlightedText: "selection-text",
        role.Mid: "border", role.Midlight: "raised", role.Accent: "accent",
    }.items():  # fmt: skip
        palette.setColor(target, colour(token))
    for target in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(group.Disabled, target, colour("disabled"))
    return palette
