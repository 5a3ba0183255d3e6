"""What Moonscope ships besides code: Lua samples, the style sheet, the icon.

The package is always installed as plain files, so every resource is a path on disk.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def samples() -> Path:
    """The folder of Lua modules that demonstrations and first steps use. Do not write into it: copy it."""
    return _HERE / "samples"


def style_sheet() -> str:
    """The Qt style sheet, with `@token` where a colour of the theme belongs, `@icons` and `@theme` for its pictures."""
    return (_HERE / "styles" / "moonscope.qss").read_text(encoding="utf-8")


def icon_folder() -> Path:
    """Where the style sheet finds its pictures."""
    return _HERE / "icons"


def icon_file() -> Path:
    """The application icon, an SVG."""
    return icon_folder() / "moonscope.svg"
