"""Spawning VMs: how many, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from moonscope.commands import Spawn
from moonscope.model import CacheMode, Libraries, LuaVersion, Sharing, VMOptions

from ...widgets.buttons import tool_button
from ...widgets.cell_delegate import code_font

MAX_VMS = 10_000
_NO_LIMIT = "no limit"
_WIDTH = 520  # pixels, at least
_MODES = {
    "default of the engine": None,
    "on: use the cache and store": CacheMode.ON,
    "exist: use it, never store": CacheMode.EXIST,
    "off: load past it": CacheMode.OFF,
}
_SHARINGS = {
    Sharing.AUTO: "automatic: as the engine was started, else the best",
    Sharing.DIRECT: "direct: one prototype for all VMs (own runtime)",
    Sharing.GRAFT: "graft: code shared, constants per VM (5.4, 5.5)",
    Sharing.BYTECODE: "bytecode: undump in each VM",
    Sharing.OFF: "off: plain loading",
}
_LIBRARIES = {
    "default of the engine": None,
    "all: as in plain Lua": Libraries.ALL,
    "restricted: no debug, native code, binary chunks": Libraries.RESTRICTED,
    "pure: no files, programs, environment either": Libraries.PURE,
}
_ALLOWED = {
    None: "What the engine was started with; all unless told otherwise.",
    Libraries.ALL: "Scripts can do what the process can, and crash it: by debug, C libraries, damaged binary chunks.",
    Libraries.RESTRICTED: "Scripts can use files, programs and the locale of the process, but no debug, C libraries, "
    "ffi and binary chunks.",
    Libraries.PURE: "Scripts can compute, read clocks, and load Lua files by require, loadfile and dofile; no io, and "
    "no more of os.",
}


class SpawnDialog(QDialog):
    """`luas` are the versions the engine offers, with their exact releases; `on_offer` tells how VMs of one of them
    can share."""

    def __init__(
        self,
        luas: Sequence[tuple[LuaVersion, str]],
        on_offer: Callable[[LuaVersion], str],
        spawn: Callable[[Spawn], object],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Spawn VMs")
        self.setMinimumWidth(_WIDTH)
        self.resize(_WIDTH, 0)
        self._on_offer = on_offer
        self._build_fields(luas)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(self._basics())
        layout.addWidget(self._limits())
        layout.addWidget(self._code())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel | QDialogButtonBox.StandardButton.Ok)
        self.go = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.go.setText("S&pawn")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: spawn(self.command()))
        layout.addWidget(buttons)
        self._fit()
        self.count.setFocus()
        self.count.selectAll()

    def fill(self, command: Spawn) -> None:
        """Show what was asked for before; `command` gives it again. Limits are shown in whole units of the fields."""
        options = command.options
        self.count.setValue(command.count)
        self.count.selectAll()
        for box, value in ((self.lua, options.lua), (self.mode, options.mode), (self.sharing, options.sharing),
                           (self.libraries, options.libraries)):  # fmt: skip
            box.setCurrentIndex(max(0, box.findData(value)))
        self.memory_cap.setValue((options.memory_cap or 0) // (1024 * 1024))
        self.roots.setText(";".join(options.roots))
        self.boot.setPlainText(options.boot or "")
        self.instructions.setValue((options.instruction_budget or 0) // 1_000_000)
        self.seconds.setValue(options.time_budget or 0)
        self.jit.setChecked(options.jit)

    def command(self) -> Spawn:
        megabytes = self.memory_cap.value()
        return Spawn(
            count=self.count.value(),
            options=VMOptions(
                lua=self.lua.currentData(),
                mode=self.mode.currentData(),
                sharing=self.sharing.currentData(),
                libraries=self.libraries.currentData(),
                memory_cap=megabytes * 1024 * 1024 or None,
                roots=tuple(part for part in (text.strip() for text in self.roots.text().split(";")) if part),
                boot=self.boot.toPlainText().strip() or None,
                instruction_budget=self.instructions.value() * 1_000_000 or None,
                time_budget=self.seconds.value() or None,
                jit=self.jit.isEnabled() and self.jit.isChecked(),
            ),
        )

    def _build_fields(self, luas: Sequence[tuple[LuaVersion, str]]) -> None:
        self.count = QSpinBox(minimum=1, maximum=MAX_VMS, value=4)
        self.count.setGroupSeparatorShown(True)
        self.lua = QComboBox()
        for version, release in luas or [(version, version.value) for version in LuaVersion]:
            self.lua.addItem(release if release.startswith("Lua") else f"Lua {release}", version)
        self.lua.setCurrentIndex(max(0, self.lua.findData(LuaVersion.LUA54)))
        self.mode = _choice(_MODES, "Whether these VMs use the cache and store in it")
        sharings = {_SHARINGS.get(sharing, sharing.value): sharing for sharing in Sharing}
        self.sharing = _choice(sharings, "How these VMs get a cached function")
        self.libraries = _choice(_LIBRARIES, "Which standard libraries scripts in these VMs have")
        self.allowed = _note()
        self.libraries.currentIndexChanged.connect(self._follow_libraries)
        self.memory_cap = QSpinBox(maximum=1024 * 1024, suffix=" MiB")
        self.memory_cap.setToolTip("A script that needs more ends with Lua's own error for missing memory")
        self.instructions = QSpinBox(maximum=1_000_000, suffix=" million")
        self.instructions.setToolTip("VM instructions per run; a run that needs more is interrupted")
        self.seconds = QDoubleSpinBox(maximum=86_400.0, decimals=1, suffix=" s")
        for limit in (self.memory_cap, self.instructions, self.seconds):
            limit.setSpecialValueText(_NO_LIMIT)
        self.seconds.setToolTip("Time per run; a run that takes longer is interrupted")
        self.roots = QLineEdit(placeholderText="folders for require, separated by ;")
        self.roots.setToolTip("Each folder is put in front of package.path as FOLDER/?.lua;FOLDER/?/init.lua")
        self.boot = QPlainTextEdit(placeholderText="-- Lua that each VM runs once before it is ready")
        self.boot.setFont(code_font())
        self.boot.setTabChangesFocus(True)
        self.boot.setFixedHeight(self.fontMetrics().lineSpacing() * 5)
        self.jit = QCheckBox("Compile t&races (LuaJIT)")
        self.jit.setToolTip("Compiled traces run faster but cannot be interrupted")
        self.offer = _note()
        self.lua.currentIndexChanged.connect(self._follow_lua)
        self._follow_lua()
        self._follow_libraries()

    def _follow_lua(self) -> None:
        lua = LuaVersion(self.lua.currentData())
        self.jit.setEnabled(lua.startswith("luajit"))
        self.offer.setText(self._on_offer(lua))
        self._fit()

    def _follow_libraries(self) -> None:
        self.allowed.setText(_ALLOWED[self.libraries.currentData()])
        self._fit()

    def _fit(self) -> None:
        """As high as the words need. Left alone, Qt cuts them where the screen is low."""
        layout = self.layout()
        if layout is not None:
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def _basics(self) -> QFormLayout:
        form = QFormLayout()
        form.addRow("&Number of VMs", self.count)
        form.addRow("&Lua", self.lua)
        form.addRow("", self.jit)
        form.addRow("Cache m&ode", self.mode)
        form.addRow("&Sharing", self.sharing)
        form.addRow("", self.offer)
        form.addRow("Li&braries", self.libraries)
        form.addRow("", self.allowed)
        return form

    def _limits(self) -> QGroupBox:
        box = QGroupBox("Limits of each VM")
        row = QHBoxLayout(box)
        for text, field in (("&Memory", self.memory_cap), ("&Instructions per run", self.instructions),
                            ("&Time per run", self.seconds)):  # fmt: skip
            column = QVBoxLayout()
            label = QLabel(text)
            label.setBuddy(field)
            column.addWidget(label)
            column.addWidget(field)
            row.addLayout(column, 1)
        return box

    def _code(self) -> QGroupBox:
        box = QGroupBox("Code")
        form = QFormLayout(box)
        browse = tool_button("Add …", "Choose a folder")
        browse.clicked.connect(self._add_root)
        line = QHBoxLayout()
        line.addWidget(self.roots)
        line.addWidget(browse)
        form.addRow("Search roots", line)
        form.addRow("&Boot script", self.boot)
        return box

    def _add_root(self) -> None:
        chooser = QFileDialog(self, "Search root")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.fileSelected.connect(
            lambda folder: self.roots.setText(";".join(filter(None, (self.roots.text().strip(), folder))))
        )
        chooser.open()


def _note() -> QLabel:
    """A line or two about the field above it."""
    note = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return note


def _choice(
    choices: dict[str, CacheMode | None] | dict[str, Sharing] | dict[str, Libraries | None], tip: str
) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tip)
    for text, value in choices.items():
        box.addItem(text, value)
    return box
