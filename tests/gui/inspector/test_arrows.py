"""Jumps as arrows in lanes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moonscope_gui.features.inspector.arrows import MAX_LANES, Arrows

jumps = st.lists(st.integers(1, 40) | st.none(), min_size=1, max_size=40)


def arrows_of(targets: list[int | None]) -> Arrows:
    """Each instruction jumps to a pc or, for None, does not."""
    found = [(pc, target) for pc, target in enumerate(targets, 1) if target is not None]
    return Arrows(found, len(targets))


@given(targets=jumps)
def test_every_jump_is_an_arrow_at_both_of_its_ends(targets: list[int | None]) -> None:
    arrows = arrows_of(targets)
    for row, target in enumerate(targets):
        if target is not None and target <= len(targets) and target - 1 != row:
            assert any((a.source, a.target) == (row, target - 1) for a in arrows.at(row))
            assert any((a.source, a.target) == (row, target - 1) for a in arrows.at(target - 1))


@given(targets=jumps)
def test_arrows_of_one_lane_do_not_touch_but_in_the_outermost(targets: list[int | None]) -> None:
    arrows = arrows_of(targets)
    assert arrows.lanes <= MAX_LANES
    for row in range(len(targets)):
        through = {a for r in range(len(targets)) for a in arrows.at(r) if a.first <= row <= a.last}
        lanes = [a.lane for a in through if a.lane < MAX_LANES - 1]
        assert len(lanes) == len(set(lanes))
        assert {a.lane for a in arrows.across(row)} == {a.lane for a in through}


def test_a_short_jump_runs_inside_a_long_one() -> None:
    arrows = arrows_of([5, 4, None, None, None])
    (long,), (short,) = arrows.at(0), arrows.at(1)
    assert (short.lane, long.lane) == (0, 1)
    assert [a.lane for a in arrows.across(2)] == [1, 0], "the outer one is painted first"


def test_a_jump_to_nowhere_or_to_itself_is_no_arrow() -> None:
    assert arrows_of([1, 99, 0, None]).lanes == 0
