"""The prototypes of the selected file, or words about why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from moonscope.model import Prototype, PrototypeTree

from ...widgets import theme
from ...widgets.layouts import stack
from ...widgets.reading_bar import ReadingBar
from .source_file import SourceFile

if TYPE_CHECKING:
    from .browser import Browser
    from .history import Place

_NOTHING = "Select one file to see the functions it is made of.\n\nDouble-click it in the list of cached files."
_LEAST_SIZE = QSize(320, 200)


class PrototypesDock(QWidget):
    """The window can be seen before there is a file to look at: the browser is imported and built for the first one."""

    cache_wanted = Signal()  # a map of the whole cache is asked for
    cancel_wanted = Signal()  # what is being read is not wanted any more
    again_wanted = Signal()  # after that: it is

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browser: Browser | None = None
        self._message = QLabel(_NOTHING, wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._message.setContentsMargins(24, 12, 24, 12)
        self.reading = ReadingBar()
        self.reading.cancel_wanted.connect(self.cancel_wanted)
        self.again = QPushButton("Read Again")
        self.again.clicked.connect(lambda: self.again_wanted.emit())
        self._words = self._page_of_words()
        self._pages = QStackedLayout()
        self._pages.addWidget(self._words)
        column = stack(self)
        column.addWidget(self.reading)
        column.addLayout(self._pages, 1)
        theme.set_tone(self._message, "muted")

    def _page_of_words(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch()
        column.addWidget(self._message)
        column.addWidget(self.again, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self.again.hide()
        return page

    @property
    def browser(self) -> Browser:
        """The tree and the selected prototype, whether or not they are shown now."""
        if self._browser is None:
            from .browser import Browser

            self._browser = Browser()
            self._browser.detail.bytes.cache_wanted.connect(self.cache_wanted)
            self._pages.addWidget(self._browser)
        return self._browser

    @property
    def current(self) -> tuple[PrototypeTree, Prototype] | None:
        """The file that is shown, and the function that is selected in it."""
        return self._browser.current if self._browser is not None else None

    def show_loading(self, title: str) -> None:
        """The tree of `title` is on its way; what is shown stays until it is there."""
        self._message.setText(f"Reading {title} …")
        self.again.hide()
        self.reading.start(title)
        if self._browser is not None:
            self._browser.show_loading(title)

    def show_tree(self, tree: PrototypeTree, source: SourceFile | None = None) -> None:
        """Show a file; `source` tells where its source is and which version of it was compiled."""
        self.reading.end()
        self.browser.show_tree(tree, source)
        self._pages.setCurrentWidget(self.browser)

    def go(self, place: Place) -> None:
        """Go to a function of the file and an instruction in it."""
        self.browser.go(place)

    def show_stale(self, stale: str) -> None:
        """What happened on disk to the file that is shown: "", "changed" or "deleted"."""
        if self._browser is not None:
            self._browser.detail.source.show_stale(stale)

    def show_error(self, text: str) -> None:
        """Why there is no tree, in the place of the tree."""
        self.reading.end()
        self.again.hide()
        self._message.setText(text)
        self._pages.setCurrentWidget(self._words)
        if self._browser is not None:
            self._browser.clear()

    def show_cancelled(self, title: str) -> None:
        """That there is no tree because it is not wanted; it can be asked for again."""
        self.show_error(f"Reading {title} was cancelled.")
        self.again.show()

    def clear(self) -> None:
        self.show_error(_NOTHING)

    def minimumSizeHint(self) -> QSize:
        """The same with and without the browser, so that no dock moves when it arrives."""
        return _LEAST_SIZE
