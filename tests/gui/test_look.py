"""Looking into a VM: what the tree shows of a real VM, how it keeps its place, and where a closure leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from moonscope.commands import Close, Interrupt, LookInto, RunChunk, Spawn
from moonscope.engine import Engine
from moonscope.errors import NotFoundError
from moonscope.model import FunctionKind, LookEntry, LookFunction, LookStep, LuaVersion, StepKind, VMOptions, VMState
from moonscope_gui.app.main_window import MainWindow
from moonscope_gui.features.files.feature import FilesFeature
from moonscope_gui.features.inspector.feature import InspectorFeature
from moonscope_gui.features.look.dock import LookDock
from moonscope_gui.features.look.feature import LookFeature
from moonscope_gui.features.look.tree_model import LookTreeModel
from moonscope_gui.features.look.tree_model import Path as LookPath
from moonscope_gui.features.vms.feature import VMsFeature
from moonscope_gui.state import look_text

PATIENCE_MS = 30_000
GLOBALS = LookStep(StepKind.GLOBALS)

Run = Callable[[str], None]


class RealVM:
    """A VM, and a model that is answered from it: only for what a test opens, as the tester of models opens all."""

    def __init__(self, engine: Engine, model: LookTreeModel) -> None:
        spawned = engine.perform(Spawn(options=VMOptions(lua=LuaVersion.LUA54)))
        (self.vm,) = spawned.vms
        self.engine = engine
        self.model = model
        self.opened: set[LookPath] = {()}
        self.asked: dict[LookPath, tuple[int, int]] = {}
        model.wanted.connect(self.note)

    def note(self, path: LookPath, offset: int, limit: int) -> None:
        self.asked[path] = (offset, limit)

    def settle(self) -> None:
        """Answer what was asked, until nothing is left."""
        while open_now := self.opened & self.asked.keys():
            for path in open_now:
                self.answer(path, *self.asked.pop(path))

    def answer(self, path: LookPath, offset: int, limit: int) -> None:
        try:
            answer = self.engine.perform(LookInto(vm=self.vm, path=path, offset=offset, limit=limit))
        except NotFoundError as error:
            self.model.refuse(path, str(error))
        else:
            self.model.take(answer)

    def run(self, source: str) -> None:
        self.engine.perform(RunChunk((self.vm,), source))

    def refresh(self) -> None:
        self.model.refresh()
        self.settle()

    def open(self, *keys: str) -> QModelIndex:
        """Go down to the row of these keys, as a view does that opens each."""
        index = QModelIndex()
        for key in keys:
            index = next(row for row in children(self.model, index) if text(row) == key)
            self.opened.add(self.model.path_of(index))
            if self.model.canFetchMore(index):
                self.model.fetchMore(index)
            self.settle()
        return index


@pytest.fixture
def model(qapp: QApplication) -> Iterator[LookTreeModel]:
    model = LookTreeModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    tester.deleteLater()
    model.deleteLater()


@pytest.fixture
def real(model: LookTreeModel) -> Iterator[RealVM]:
    with Engine() as engine:
        real = RealVM(engine, model)
        real.refresh()
        yield real


def children(model: QAbstractItemModel, parent: QModelIndex) -> list[QModelIndex]:
    return [model.index(row, 0, parent) for row in range(model.rowCount(parent))]


def text(index: QModelIndex, column: int = 0) -> str:
    return str(index.siblingAtColumn(column).data())


def keys(model: QAbstractItemModel, parent: QModelIndex) -> list[str]:
    return [text(index) for index in children(model, parent)]


# The tree


def test_a_level_is_asked_for_when_it_is_opened(real: RealVM) -> None:
    real.run("t = {a = {1, 2}, b = 'text'}")
    assert keys(real.model, QModelIndex()) == ["globals", "package.loaded", "registry"]
    assert real.model.rowCount(real.model.index(0, 0)) == 0
    t = real.open("globals", "t")
    assert [[text(row, column) for column in range(4)] for row in children(real.model, t)] == [
        ["a", text(children(real.model, t)[0], 1), "table", "2 entries"], ["b", '"text"', "string", ""],
    ]  # fmt: skip
    assert real.model.path_text(children(real.model, real.open("globals", "t", "a"))[1]) == "globals.t.a[2]"


@pytest.mark.slow
def test_a_large_table_goes_on_where_its_last_row_is_opened(real: RealVM) -> None:
    real.run("t = {} for n = 1, 450 do t[n] = n end")
    t = real.open("globals", "t")
    assert keys(real.model, t)[-2:] == ["[200]", "250 more; open this row for the next"]
    for _ in range(2):
        real.model.open_note(children(real.model, t)[-1])
        real.settle()
    assert keys(real.model, t) == [f"[{n}]" for n in range(1, 451)]


def test_what_is_looked_at_again_keeps_its_place(real: RealVM) -> None:
    real.run("t = {a = 1, c = {deep = {x = 1}}, e = 5}")
    t = real.open("globals", "t")
    place = real.open("globals", "t", "c", "deep")
    kept = real.model.path_of(place)
    real.run("t.a = 'new' t.b = 2 t.e = nil t.f = 6 t.c.deep.y = 2")
    real.refresh()
    assert keys(real.model, t) == ["a", "b", "c", "f"]
    assert text(children(real.model, t)[0], 1) == '"new"'
    assert keys(real.model, real.open("globals", "t", "c", "deep")) == ["x", "y"]
    assert real.model.path_of(real.open("globals", "t", "c", "deep")) == kept


def test_what_is_not_open_any_more_is_closed(real: RealVM) -> None:
    real.run("t = {inner = {1}}")
    inner = real.open("globals", "t", "inner")
    assert real.model.rowCount(inner) == 1
    real.run("t.inner = 5")
    real.refresh()
    inner = children(real.model, real.open("globals", "t"))[0]
    assert (text(inner, 1), real.model.hasChildren(inner)) == ("5", False)


def test_what_is_gone_says_so_and_can_be_asked_again(real: RealVM) -> None:
    real.run("t = {inner = {1}}")
    real.open("globals", "t")
    real.run("t.inner = nil")
    inner = real.open("globals", "t", "inner")
    (note,) = children(real.model, inner)
    assert "globals.t.inner is not there" in text(note)
    real.run("t.inner = {1, 2}")
    real.model.open_note(note)
    real.settle()
    assert keys(real.model, inner) == ["[1]", "[2]"]


def test_an_answer_nobody_waits_for_is_dropped(real: RealVM) -> None:
    real.open("globals")
    answer = real.engine.perform(LookInto(vm=real.vm, path=(GLOBALS,)))
    real.model.clear()
    real.model.take(answer)
    assert real.model.rowCount() == 0


@pytest.mark.slow
def test_rows_come_and_go_in_any_order(real: RealVM) -> None:
    t = real.open("globals")
    for source in ("a1, b2, c3 = {}, {}, {}", "b2 = nil", "a0, b2 = 1, 1", "a0, a1, b2, c3 = nil", "zz = {1}"):
        real.run(source)
        real.refresh()
        answer = real.engine.perform(LookInto(vm=real.vm, path=(GLOBALS,)))
        assert keys(real.model, t) == [entry.key for entry in answer.entries]


# Words


@pytest.mark.parametrize(
    ("function", "value", "details"),
    [
        (LookFunction(kind=FunctionKind.LUA, source="@/a/b.lua", line=3, last_line=9, generation=8, shared=True),
         "b.lua:3–9", "shared, generation 8"),
        (LookFunction(kind=FunctionKind.LUA, source="@b.lua", generation=8, upvalues=1), "b.lua: main function",
         "own copy, generation 8, 1 upvalue"),
        (LookFunction(kind=FunctionKind.LUA, source="=console", line=1, last_line=1), "console:1",
         "not from the cache"),
        (LookFunction(kind=FunctionKind.LUA, source="x = 1\ny = 2", line=2, last_line=2), '"x = 1…":2',
         "not from the cache"),
        (LookFunction(kind=FunctionKind.C, upvalues=2), "0x1", "2 upvalues"),
        (LookFunction(kind=FunctionKind.LIGHT), "0x1", ""),
    ],
)  # fmt: skip
def test_a_function_is_told_in_words(function: LookFunction, value: str, details: str) -> None:
    entry = LookEntry(step=GLOBALS, key="f", value="function: 0x1", type="function", function=function)
    assert (look_text.value_of(entry), look_text.type_of(entry)) == (value, function.kind.value)
    assert look_text.details_of(entry) == details


# The dock in the window


@pytest.fixture
def vm(window: MainWindow, qtbot: QtBot) -> int:
    """A VM that is selected and looked into."""
    window.feature(VMsFeature).spawn_now(Spawn(count=2))
    qtbot.waitUntil(lambda: len(window.state.vms) == 2, timeout=PATIENCE_MS)
    vm = min(window.state.vms)
    window.feature(VMsFeature).dock.view.select_ids([vm])
    qtbot.waitUntil(window.actions_["look"].isEnabled)
    window.actions_["look"].trigger()
    qtbot.waitUntil(lambda: bool(keys(globals_model(window), globals_row(window))), timeout=PATIENCE_MS)
    return vm


def globals_model(window: MainWindow) -> LookTreeModel:
    return window.feature(LookFeature).dock.model


def globals_row(window: MainWindow) -> QModelIndex:
    return window.feature(LookFeature).dock.model.index(0, 0)


def idle(window: MainWindow) -> bool:
    return not window.tasks.running


def run(window: MainWindow, qtbot: QtBot, vm: int, source: str) -> None:
    window.tasks.start("run", RunChunk((vm,), source))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)


def row(window: MainWindow, path: str) -> QModelIndex:
    """The row of a path in the view."""
    dock = window.feature(LookFeature).dock
    source = next(index for index, _ in dock.model.walk() if dock.model.path_text(index) == path)
    index: QModelIndex = dock.view.model().mapFromSource(source)  # type: ignore[attr-defined]
    return index


def look_again(window: MainWindow, qtbot: QtBot) -> None:
    window.feature(LookFeature).dock.refresh.click()
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_the_action_shows_the_globals_of_the_selected_vm(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    assert window.feature(LookFeature).dock.isVisible()
    assert window.feature(LookFeature).dock.box.currentText() == f"VM {vm} · Lua 5.4"
    assert {"print", "string"} <= set(keys(window.feature(LookFeature).dock.model, globals_row(window)))
    run(window, qtbot, vm, "fresh = 1")
    look_again(window, qtbot)
    assert text(row(window, "globals.fresh"), 1) == "1"


@pytest.mark.slow
def test_another_selected_vm_is_followed_and_one_that_is_gone_is_told(
    window: MainWindow, vm: int, qtbot: QtBot
) -> None:
    other = max(window.state.vms)
    window.feature(VMsFeature).dock.view.select_ids([other])
    qtbot.waitUntil(
        lambda: window.feature(LookFeature).dock.box.currentData() == other and idle(window), timeout=PATIENCE_MS
    )
    assert "print" in keys(window.feature(LookFeature).dock.model, globals_row(window))
    window.tasks.start("close", Close((other,)))
    qtbot.waitUntil(window.feature(LookFeature).dock.message.isVisible, timeout=PATIENCE_MS)
    assert window.feature(LookFeature).dock.message.text() == f"VM {other} is gone. Select another VM to look into it."


@pytest.mark.slow
def test_the_filter_shows_what_fits_and_what_leads_there(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    run(window, qtbot, vm, "t = {needle = 1, hay = 2}")
    look_again(window, qtbot)
    window.feature(LookFeature).dock.view.expand(row(window, "globals.t"))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    window.feature(LookFeature).dock.filter.setText("needle")
    shown = window.feature(LookFeature).dock.view.model()
    assert keys(shown, QModelIndex()) == ["globals"]
    assert keys(shown, shown.index(0, 0)) == ["t"]
    assert keys(shown, shown.index(0, 0, shown.index(0, 0))) == ["needle"]


@pytest.mark.slow
def test_what_the_filter_hid_is_open_again_without_it(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    run(window, qtbot, vm, "t = {needle = 1, hay = 2}")
    look_again(window, qtbot)
    view = window.feature(LookFeature).dock.view
    view.expand(row(window, "globals.t"))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    window.feature(LookFeature).dock.filter.setText("coroutine")
    assert not row(window, "globals.t").isValid()
    window.feature(LookFeature).dock.filter.clear()
    assert view.isExpanded(row(window, "globals")) and view.isExpanded(row(window, "globals.t"))
    view.collapse(row(window, "globals.t"))
    window.feature(LookFeature).dock.filter.setText("hay")
    window.feature(LookFeature).dock.filter.clear()
    assert not view.isExpanded(row(window, "globals.t")), "closed by hand"


@pytest.mark.slow
def test_types_and_addresses_are_not_cut(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    window.resize(1280, 800)
    window.workspace.balance()
    qtbot.waitUntil(lambda: window.feature(LookFeature).dock.view.viewport().width() > 400)
    view = window.feature(LookFeature).dock.view
    for path, kind in (("globals.string", "table"), ("globals.type", "light C function")):
        at = row(window, path)
        assert text(at, 2) == kind and text(at, 1).startswith("0x")
        for column in (1, 2):
            assert view.fontMetrics().horizontalAdvance(text(at, column)) < view.columnWidth(column) - 6


@pytest.mark.slow
def test_a_closure_leads_to_its_prototype(window: MainWindow, vm: int, qtbot: QtBot, folder: Path) -> None:
    run(window, qtbot, vm, f"one = dofile([[{folder / 'one.lua'}]])")
    look_again(window, qtbot)
    window.feature(LookFeature).dock.view.expand(row(window, "globals.one"))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    closure = row(window, "globals.one.f")
    assert text(closure, 1) == "one.lua:2"
    assert "generation" in text(closure, 3)
    window.feature(LookFeature).dock.view.activated.emit(closure)
    qtbot.waitUntil(window.feature(InspectorFeature).dock.isVisible, timeout=PATIENCE_MS)
    qtbot.waitUntil(
        lambda: window.feature(InspectorFeature).dock.current is not None and idle(window), timeout=PATIENCE_MS
    )
    assert window.feature(InspectorFeature).dock.current is not None
    _, prototype = window.feature(InspectorFeature).dock.current
    assert (prototype.line, prototype.last_line) == (2, 2)


@pytest.mark.slow
def test_a_closure_of_a_chunk_of_any_name_can_be_selected(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    run(window, qtbot, vm, "a, b, c, d = load('return 1', '='), load('return 1', '@'), load('return 1', ''), load('')")
    look_again(window, qtbot)
    shown = {"a": "?: main function", "b": "?: main function", "c": '"": main function', "d": '"": main function'}
    for name, value in shown.items():
        closure = row(window, f"globals.{name}")
        window.feature(LookFeature).dock.view.setCurrentIndex(closure)
        assert text(closure, 1) == value
        assert window.feature(LookFeature).dock._place.text() == f"globals.{name}  ·  {value.partition(':')[0]}"


@pytest.mark.slow
def test_the_closures_of_a_function_are_counted_in_all_vms(
    window: MainWindow, vm: int, qtbot: QtBot, folder: Path
) -> None:
    other = max(window.state.vms)
    for each, times in ((vm, 2), (other, 3)):
        run(window, qtbot, each, f"kept = {{}} for n = 1, {times} do kept[n] = dofile([[{folder / 'one.lua'}]]) end")
    look_again(window, qtbot)
    for path in ("globals.kept", "globals.kept[1]"):
        window.feature(LookFeature).dock.view.expand(row(window, path))
        qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    closure = window.feature(LookFeature).dock.entry_at(row(window, "globals.kept[1].f"))
    assert closure is not None
    window.feature(LookFeature).dock.closures_wanted.emit(closure.function)
    qtbot.waitUntil(lambda: window.messages.current is not None, timeout=PATIENCE_MS)
    message = window.messages.current
    assert message is not None
    assert message.text == f"5 closures of one.lua:2 in 2 VMs ({vm}–{other})."
    assert message.details.splitlines() == [f"VM {other}: 3 closures", f"VM {vm}: 2 closures"]
    assert message.accept is not None
    message.accept()
    assert window.feature(VMsFeature).dock.selected() == (vm, other)


@pytest.mark.slow
def test_the_function_under_prototypes_can_be_asked_for(
    window: MainWindow, vm: int, qtbot: QtBot, folder: Path
) -> None:
    run(window, qtbot, vm, f"one = dofile([[{folder / 'one.lua'}]])")
    window.workspace.show_part("prototypes")
    qtbot.waitUntil(lambda: bool(window.state.files), timeout=PATIENCE_MS)
    window.feature(FilesFeature).dock.view.select_ids(list(window.state.files))
    qtbot.waitUntil(
        lambda: window.feature(InspectorFeature).dock.current is not None and idle(window), timeout=PATIENCE_MS
    )
    window.feature(InspectorFeature).dock.browser.select((0,))
    window.actions_["find-closures"].trigger()
    qtbot.waitUntil(lambda: window.messages.current is not None, timeout=PATIENCE_MS)
    assert window.messages.current is not None
    assert window.messages.current.text == f"1 closure of one.lua:2 in VM {vm}."


@pytest.mark.slow
def test_a_busy_vm_says_so_and_the_look_can_be_cancelled(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    window.tasks.start("busy", RunChunk((vm,), "while true do end"))
    qtbot.waitUntil(lambda: window.state.vms[vm].state is VMState.RUNNING, timeout=PATIENCE_MS)
    window.feature(LookFeature).dock.refresh.click()
    dock = window.feature(LookFeature).dock
    qtbot.waitUntil(dock.waiting.isVisible, timeout=PATIENCE_MS)
    assert dock.waiting.text() == f"VM {vm} is busy (run); the look waits for it."
    dock.cancel.click()
    qtbot.waitUntil(lambda: len(window.tasks.running) == 1, timeout=PATIENCE_MS)
    assert not dock.waiting.isVisible()
    assert keys(dock.model, QModelIndex())[-1] == "cancelled; open this row to look again"
    window.tasks.start("interrupt", Interrupt((vm,)))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)
    look_again(window, qtbot)
    assert keys(dock.model, QModelIndex()) == ["globals", "package.loaded", "registry"]


@pytest.mark.slow
def test_a_new_question_cancels_the_old_one(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    window.tasks.start("busy", RunChunk((vm,), "while true do end"))
    qtbot.waitUntil(lambda: window.state.vms[vm].state is VMState.RUNNING, timeout=PATIENCE_MS)
    window.feature(LookFeature).dock.refresh.click()
    other = max(window.state.vms)
    window.feature(VMsFeature).dock.view.select_ids([other])
    qtbot.waitUntil(lambda: len(window.tasks.running) == 1, timeout=PATIENCE_MS)
    assert window.feature(LookFeature).dock.box.currentData() == other
    assert "print" in keys(window.feature(LookFeature).dock.model, globals_row(window))
    window.tasks.start("interrupt", Interrupt((vm,)))
    qtbot.waitUntil(lambda: idle(window), timeout=PATIENCE_MS)


@pytest.mark.slow
def test_all_vms_can_be_chosen_from_the_list(window: MainWindow, vm: int, qtbot: QtBot) -> None:
    box = window.feature(LookFeature).dock.box
    box.showPopup()
    assert [box.itemData(row) for row in range(box.count())] == sorted(window.state.vms)
    box.hidePopup()
    box.setCurrentIndex(1)
    box.activated.emit(1)
    qtbot.waitUntil(lambda: box.currentData() == max(window.state.vms) and idle(window), timeout=PATIENCE_MS)


def test_a_dock_without_a_vm_says_what_to_do(qtbot: QtBot) -> None:
    dock = LookDock()
    qtbot.addWidget(dock)
    dock.show()
    assert dock.message.text().startswith("Select a VM")
