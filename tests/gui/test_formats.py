"""Values as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonscope_gui.widgets import formats


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"), (1, "1 B"), (999, "999 B"), (1000, "0.98 KiB"), (1024, "1.00 KiB"), (10 * 1024, "10.0 KiB"),
        (100 * 1024, "100 KiB"), (1023 * 1024, "1.00 MiB"), (3 * 1024**3, "3.00 GiB"),
        (-2048, "\N{MINUS SIGN}2.00 KiB"), (None, ""),
    ],
)  # fmt: skip
def test_sizes_have_three_digits_and_binary_units(count: int | None, text: str) -> None:
    assert formats.size(count) == text


@given(st.integers(1, 2**60))
def test_sizes_are_right_to_one_percent(count: int) -> None:
    number, unit = formats.size(count).split()
    assert float(number) * 1024 ** ("B", "KiB", "MiB", "GiB", "TiB").index(unit) == pytest.approx(count, rel=0.011)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.5, "50.0 %"), (0.9999, "99.9 %"), (1.0, "100 %"), (None, "")]
)
def test_a_share_is_rounded_up_to_all_only_when_it_is_all(share: float | None, text: str) -> None:
    assert formats.percent(share) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [(0.0, "never"), (1000.0, "0 s"), (941.0, "59 s"), (940.0, "1 min"), (2000.0, "0 s"), (1000.0 - 7200, "2 h")],
)
def test_ages_count_whole_units_and_never_go_below_zero(moment: float, text: str) -> None:
    assert formats.ago(moment, now=1000.0) == text


@given(st.sets(st.integers(1, 80)))
def test_ids_name_every_number_once(numbers: set[int]) -> None:
    named = set[int]()
    for part in formats.ids(numbers, limit=100).split(", ") if numbers else []:
        first, _, last = part.partition("\N{EN DASH}")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == numbers


def test_of_many_ids_the_rest_is_counted() -> None:
    assert formats.ids([1, 2, 3, 7, 9, 10], limit=2) == "1\N{EN DASH}3, 7 and 2 more"


@pytest.mark.parametrize(("us", "text"), [(1.25, "1.2 µs"), (40, "40 µs"), (1500, "1.5 ms"), (2_000_000, "2.0 s")])
def test_durations(us: float, text: str) -> None:
    assert formats.microseconds(us) == text


def test_plurals() -> None:
    assert [formats.plural(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]
    assert formats.plural(2, "miss", "misses") == "2 misses"


def test_a_long_text_is_cut_in_the_middle() -> None:
    assert formats.middle("short.lua", 9) == "short.lua"
    assert formats.middle("a_very_long_name.lua", 9) == "a_ve….lua"
