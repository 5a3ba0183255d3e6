"""Back and forward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope_gui.features.inspector.history import History, Place

A, B, C = Place((), 0), Place((0,), 3), Place((0, 1), 0)


def test_back_and_forward_go_through_the_places() -> None:
    history = History()
    for place in (A, B, C):
        history.visit(place)
    assert [history.go(-1), history.go(-1), history.go(-1)] == [B, A, None]
    assert [history.go(1), history.go(1), history.go(1)] == [B, C, None]


def test_going_somewhere_else_forgets_what_was_ahead() -> None:
    history = History()
    history.visit(A)
    history.visit(B)
    history.go(-1)
    history.visit(C)
    assert not history.can_go(1)
    assert history.go(-1) == A


def test_coming_back_leads_to_where_the_reader_left() -> None:
    history = History()
    history.visit(A)
    history.leave(A._replace(pc=17))
    history.visit(B)
    assert history.go(-1) == A._replace(pc=17)


def test_a_place_left_must_be_in_the_function_that_was_visited() -> None:
    history = History()
    history.visit(A)
    history.leave(B)
    history.visit(C)
    assert history.go(-1) == A


@pytest.mark.slow
@given(numbers=st.lists(st.integers(0, 5), max_size=700))
def test_nothing_is_kept_without_bound_and_the_last_place_is_there(numbers: list[int]) -> None:
    history = History()
    for number in numbers:
        history.visit(Place((number,)))
    steps = 0
    while history.can_go(-1):
        history.go(-1)
        steps += 1
    assert steps <= 500
    while history.can_go(1):
        last = history.go(1)
        steps -= 1
    assert steps == 0
    if len(set(numbers)) > 1 and numbers[-1] != numbers[-2]:
        assert last == Place((numbers[-1],))
