"""The application: `open_window` and `run` for people, `build` for demonstrations and tests."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from ..link.engine_link import EngineLink
from ..state.settings import WindowSettings
from ..widgets import icons, theme
from ..widgets.message_bar import Message
from .display import need_display
from .main_window import MainWindow

SWITCH_S = 0.0005
"""Qt's calls give the GIL up one by one. With the 5 ms that Python waits until it takes it from another thread, what
the GUI thread does in 0.1 s took 2 s beside the analysis of a large file."""


def open_window(theme_name: str | None, paths: Sequence[str]) -> MainWindow:
    """The window of this process, with the theme of last time if None, which will load `paths`."""
    settings = WindowSettings()
    if theme_name:
        settings.theme = theme_name
    window = build(settings=settings)
    window.open_paths(paths)
    return window


def run(window: MainWindow) -> int:
    """Show a window until it is closed. Returns the exit code."""
    app = application()
    window.show()
    _let_ctrl_c_through(app)
    _show_faults(window)
    return app.exec()


def build(*, link: EngineLink | None = None, settings: WindowSettings | None = None) -> MainWindow:
    """A window that is not shown yet and whose link is not connected: call `window.link.start_host()` or `attach`.

    `settings` decides on theme and layout; without it, the user's own are used.
    """
    app = application()
    settings = settings or WindowSettings()
    theme.apply(app, settings.theme)
    return MainWindow(link or EngineLink(), settings)


def application() -> QApplication:
    """The application of this process, made when there is none. Raises UnsupportedError without a display: Qt would end
    the process."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        need_display()
        app = QApplication(sys.argv[:1])
        app.setApplicationName("moonscope")
        app.setApplicationDisplayName("Moonscope")
        app.setDesktopFileName("moonscope")
        app.setWindowIcon(icons.app_icon())
        sys.setswitchinterval(SWITCH_S)
    return app


def _show_faults(window: MainWindow) -> None:
    """An unexpected error in the window is told in it, and the window goes on."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        details = "".join(traceback.format_exception(kind, error, trace))
        window.messages.show_message(Message(f"A fault in the window itself: {error or kind.__name__}", details))

    sys.excepthook = hook


def _let_ctrl_c_through(app: QApplication) -> None:
    """Python handles signals between its own instructions only, and none runs while Qt waits for events."""
    signal.signal(signal.SIGINT, lambda *_: app.closeAllWindows())
    tick = QTimer(app, interval=200)
    tick.timeout.connect(lambda: None)
    tick.start()
