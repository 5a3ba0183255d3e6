"""The treemap: areas in proportion, boxes inside boxes; picking by pointer and keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from moonscope.model import PrototypeTree
from moonscope_gui.code.parts import Part
from moonscope_gui.code.shapes import Shape, Sizes, file_shape, parts_in, shape_of, total
from moonscope_gui.code.treemap import Box, squarify
from moonscope_gui.code.treemap_cells import lay_out
from moonscope_gui.code.treemap_view import TreemapView

sizes_of = st.lists(st.floats(0.1, 1000), min_size=1, max_size=40).map(lambda found: sorted(found, reverse=True))
sides = st.floats(10, 2000)


def function(size: int, *children: Shape, name: str = "f") -> Shape:
    return Shape(name, size, (Part("Code", "part-code", size),), children)


ROOT = function(1000, function(3000, function(500)), function(2000), *[function(1)] * 50)


def inside(outer: Box, inner: Box) -> bool:
    return (
        inner.x >= outer.x - 1e-6
        and inner.y >= outer.y - 1e-6
        and inner.x + inner.width <= outer.x + outer.width + 1e-6
        and inner.y + inner.height <= outer.y + outer.height + 1e-6
    )


@pytest.mark.slow
@given(sizes=sizes_of, width=sides, height=sides)
def test_areas_are_in_proportion_and_fill_the_box(sizes: list[float], width: float, height: float) -> None:
    box = Box(3, 5, width, height)
    boxes = squarify(sizes, box)
    for size, found in zip(sizes, boxes, strict=True):
        assert found.width * found.height == pytest.approx(size / sum(sizes) * width * height, rel=1e-6)
        assert inside(box, found)


@given(sizes=sizes_of, width=sides, height=sides)
def test_boxes_do_not_overlap(sizes: list[float], width: float, height: float) -> None:
    boxes = squarify(sizes, Box(0, 0, width, height))
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(across, down) <= 1e-6 * max(width, height)


def test_equal_sizes_come_near_to_squares() -> None:
    for box in squarify([1.0] * 12, Box(0, 0, 400, 300)):
        assert max(box.width, box.height) / min(box.width, box.height) < 1.5


def test_no_sizes_give_no_boxes() -> None:
    assert squarify([], Box(0, 0, 10, 10)) == []


class TestCells:
    def test_a_nested_function_is_inside_the_enclosing_one(self) -> None:
        cells = list(lay_out(Sizes(ROOT), Box(0, 0, 600, 400)))
        boxes = {cell.path: cell.box for cell in cells if cell.shape}
        assert boxes[()] == Box(0, 0, 600, 400)
        for path, box in boxes.items():
            assert inside(boxes[path[:-1]], box)
        assert {(0,), (0, 0), (1,)} <= boxes.keys()

    def test_functions_too_small_to_see_are_shown_together(self) -> None:
        cells = list(lay_out(Sizes(ROOT), Box(0, 0, 200, 100)))
        assert (7,) not in {cell.path for cell in cells}
        assert any(cell.shape is None for cell in cells)

    def test_ten_thousand_functions_give_no_more_cells_than_there_is_room_for(self) -> None:
        root = function(100, *[function(100)] * 10_000)
        assert len(list(lay_out(Sizes(root), Box(0, 0, 300, 200)))) < 300 * 200 / 20

    def test_sums_are_over_all_nested_functions(self) -> None:
        sizes = Sizes(ROOT)
        assert sizes.total(()) == 6550
        assert sizes.total((0,)) == 3500
        assert sizes.children(())[:2] == [(0,), (1,)]


@pytest.fixture
def view(qtbot: QtBot) -> TreemapView:
    view = TreemapView()
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show_sizes(Sizes(ROOT))
    with qtbot.waitExposed(view):
        view.show()
    view.grab()
    return view


def centre(view: TreemapView, path: tuple[int, ...]) -> QPoint:
    box = view.box_of(path)
    assert box is not None
    return QPoint(round(box.x + box.width / 2), round(box.y + box.height * 0.9))


class TestShapes:
    def test_a_function_is_told_by_name_bytes_and_what_is_inside(self, tree: PrototypeTree) -> None:
        shape = shape_of(tree)
        assert [child.name for child in shape.children] == ["M.sum", "M.greet"]
        assert shape.functions == 3
        assert shape.size == tree.root.size == sum(part.size for part in shape.parts)

    def test_a_file_takes_what_the_engine_measured(self, tree: PrototypeTree) -> None:
        functions = shape_of(tree)
        shape = file_shape("a.lua", total(functions) + 100, functions, retired=False)
        assert total(shape) == total(functions) + 100
        assert shape.children[:-1] == functions.children
        assert sum(part.size for part in parts_in([shape])) == total(shape)

    @pytest.mark.parametrize("tenths", range(11))
    def test_what_the_cache_packs_is_told_in_proportion(self, tree: PrototypeTree, tenths: int) -> None:
        functions = shape_of(tree)
        shared = total(functions) * tenths // 10
        shape = file_shape("a.lua", shared, functions, retired=False)
        assert total(shape) == shared == sum(part.size for part in parts_in([shape]))
        assert [child.name for child in shape.children] == ["M.sum", "M.greet"]
        for packed, plain in zip(shape.children, functions.children, strict=True):
            assert abs(packed.size - plain.size * tenths / 10) <= 1

    def test_a_file_that_was_not_read_is_one_box(self) -> None:
        assert file_shape("a.lua", 5000, None, retired=True) == Shape("a.lua", 5000, tone="retired")


class TestView:
    @pytest.mark.slow
    def test_a_double_click_and_enter_open(self, view: TreemapView, qtbot: QtBot) -> None:
        with qtbot.waitSignal(view.opened) as opened:
            qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=centre(view, (1,)))
        assert opened.args == [(1,)]
        view.select((0, 0))
        with qtbot.waitSignal(view.opened) as opened:
            qtbot.keyClick(view, Qt.Key.Key_Return)
        assert opened.args == [(0, 0)]

    @pytest.mark.slow
    def test_a_click_picks_the_innermost_function(self, view: TreemapView, qtbot: QtBot) -> None:
        with qtbot.waitSignal(view.picked) as picked:
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=centre(view, (1,)))
        assert picked.args == [(1,)]

    @pytest.mark.slow
    def test_the_pointer_tells_where_it_is_and_when_it_leaves(self, view: TreemapView, qtbot: QtBot) -> None:
        with qtbot.waitSignal(view.hovered) as hovered:
            qtbot.mouseMove(view, centre(view, (1,)))
        assert hovered.args == [(1,)]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("start", "key", "end"),
        [
            ((), Qt.Key.Key_Down, (0,)),
            ((0,), Qt.Key.Key_Right, (1,)),
            ((1,), Qt.Key.Key_Left, (0,)),
            ((0,), Qt.Key.Key_Left, (0,)),
            ((0, 0), Qt.Key.Key_Up, (0,)),
        ],
    )
    def test_arrow_keys_walk_by_size_and_depth(
        self, view: TreemapView, qtbot: QtBot, start: tuple[int, ...], key: Qt.Key, end: tuple[int, ...]
    ) -> None:
        view.select(start)
        with qtbot.waitSignal(view.picked) as picked:
            qtbot.keyClick(view, key)
        assert picked.args == [end]

    def test_what_cannot_be_seen_is_marked_by_what_is_around_it(self, view: TreemapView) -> None:
        view.resize(40, 30)
        view.grab()
        assert view.box_of((0, 0)) is not None

    @pytest.mark.slow
    def test_without_a_tree_there_is_nothing(self, view: TreemapView) -> None:
        view.show_sizes(None)
        view.grab()
        assert view.path_at(10, 10) is None
        assert view.box_of(()) is None
