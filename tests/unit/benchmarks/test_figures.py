"""The arithmetic of figures: what is better, by how much, and whether it reaches what was set."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    Figure,
    measure_exponent,
    pick_percentiles,
    put_into_page,
    write_json,
    write_markdown,
    write_number,
    write_table,
)
from benchmarks.machine import Machine

NUMBERS = st.floats(1e-6, 1e9)
MACHINE = Machine("a processor", 2, 8.0, "Linux 6", "3.11.7", "abc1234", 0.1)
LATENCY = Figure("server: p50", "ms", 0.2, {"FastAPI": 0.5, "MLflow": 3.0}, reach=0.3, note="alone")
RATE = Figure("server: at once", "requests/s", 6_000.0, {"FastAPI": 3_000.0}, reach=8_000.0, more_is_better=True)
LONELY = Figure("scale: exponent", "", 1.01, limits={"linear": 1.0})


def test_less_is_better_and_the_strongest_peer_counts() -> None:
    assert (LATENCY.peer, LATENCY.ratio, LATENCY.met) == (0.5, 2.5, True)


def test_where_more_is_better_so_is_the_ratio() -> None:
    assert (RATE.peer, RATE.ratio, RATE.met) == (3_000.0, 2.0, False)


def test_without_a_peer_there_is_no_ratio_and_without_a_reach_nothing_is_met() -> None:
    assert (LONELY.peer, LONELY.ratio, LONELY.met) == (None, None, None)


@given(NUMBERS, NUMBERS, st.booleans())
def test_a_ratio_over_one_is_better_whichever_way_that_is(ours: float, theirs: float, more_is_better: bool) -> None:
    found = Figure("x", "s", ours, {"peer": theirs}, more_is_better=more_is_better)

    assert found.ratio is not None
    assert (found.ratio > 1) == (ours > theirs if more_is_better else ours < theirs)
    back = Figure("x", "s", theirs, {"peer": ours}, more_is_better=more_is_better)
    assert back.ratio == pytest.approx(1 / found.ratio)


@given(NUMBERS, st.booleans())
def test_what_was_set_is_met_when_it_is_just_reached(reach: float, more_is_better: bool) -> None:
    assert Figure("x", "s", reach, reach=reach, more_is_better=more_is_better).met
    worse = reach * (0.99 if more_is_better else 1.01)
    assert Figure("x", "s", worse, reach=reach, more_is_better=more_is_better).met is False


@given(st.floats(-2, 3), st.floats(1e-9, 1e3), st.lists(st.integers(0, 7), min_size=2, max_size=6, unique=True))
def test_the_exponent_of_a_power_is_that_power(exponent: float, factor: float, decades: list[int]) -> None:
    sizes = [10.0**decade for decade in decades]

    found = measure_exponent(sizes, [factor * size**exponent for size in sizes])

    assert found == pytest.approx(exponent, abs=1e-6)


def test_noise_moves_the_exponent_little_and_a_constant_cost_makes_it_small() -> None:
    sizes = [1e3, 1e4, 1e5, 1e6]

    assert measure_exponent(sizes, [1.1e-3, 0.9e-2, 1.1e-1, 0.9]) == pytest.approx(1, abs=0.05)
    assert measure_exponent(sizes, [1.0 + size * 1e-7 for size in sizes]) < 0.05


@pytest.mark.parametrize(
    ("sizes", "costs"), [([1e3], [1.0]), ([1e3, 1e3], [1.0, 2.0]), ([1e3, 1e4], [1.0]), ([1e3, 1e4], [1.0, 0.0])]
)
def test_no_line_is_drawn_through_less_than_two_sizes(sizes: list[float], costs: list[float]) -> None:
    with pytest.raises(ValueError, match="two different sizes"):
        measure_exponent(sizes, costs)


def test_percentiles_are_of_all_samples() -> None:
    p50, p99 = pick_percentiles(range(1, 101))

    assert (p50, round(p99, 2)) == (50.5, 99.01)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (0.3, "0.300"),
        (12.345, "12.3"),
        (99.96, "100.0"),
        (123.4, "123"),
        (1e6, "1,000,000"),
        (math.inf, "inf"),
    ],
)
def test_three_digits_are_written(number: float, written: str) -> None:
    assert write_number(number) == written


def test_programs_are_told_everything_that_the_table_says() -> None:
    document = json.loads(write_json([LATENCY, RATE, LONELY], MACHINE))

    assert document["machine"]["cores"] == 2
    latency, rate, lonely = document["figures"]
    assert latency.keys() == rate.keys() >= {"name", "ours", "peer", "ratio", "reach", "met"}
    assert (latency["ours"], latency["peer"], latency["ratio"], latency["reach"], latency["met"]) == (
        0.2,
        0.5,
        2.5,
        0.3,
        True,
    )
    assert (rate["met"], lonely["peer"], lonely["met"], lonely["limits"]) == (False, None, None, {"linear": 1.0})


def test_a_table_shows_ours_the_reach_and_every_peer_beside_each_other() -> None:
    header, latency, rate, lonely, note = write_table([LATENCY, RATE, LONELY]).splitlines()

    assert header.split()[:4] == ["figure", "noriba", "reach", "met"]
    assert latency.split()[3:7] == ["0.200", "≤", "0.300", "yes"]
    assert latency.endswith("FastAPI 0.500 (2.50 ×); MLflow 3.00 (15.0 ×)")
    assert "≥ 8,000  NO" in rate
    assert lonely.endswith("limit: linear 1.00")
    assert note == "server: p50: alone"


def test_the_page_s_table_has_a_row_for_each_figure_and_as_many_cells() -> None:
    lines = [line for line in write_markdown([LATENCY, RATE], MACHINE).splitlines() if line.startswith("|")]

    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {6}


def test_a_page_keeps_its_words_and_gets_a_new_table() -> None:
    page = "# Speed\n\n<!-- figures: begin -->\nold\n<!-- figures: end -->\n\nThe end.\n"

    once = put_into_page(page, "a table\n")

    assert once == "# Speed\n\n<!-- figures: begin -->\n\na table\n<!-- figures: end -->\n\nThe end.\n"
    assert put_into_page(once, "a table\n") == once


@pytest.mark.parametrize("page", ["", "words", "<!-- figures: begin -->\nno end"])
def test_without_marks_the_table_is_the_page(page: str) -> None:
    assert put_into_page(page, "a table\n") == "a table\n"
