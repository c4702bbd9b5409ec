"""Where two ways to answer cost the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.money import Shape, describe_shapes, find_crossing
from noriba.costs import read_prices

DOLLARS = st.floats(0, 1e4)
SHAPES = st.builds(Shape, month_usd=DOLLARS, million_usd=DOLLARS)


def test_what_stands_idle_weighs_less_the_more_is_asked() -> None:
    shape = Shape(month_usd=90.0, million_usd=4.0)

    assert shape.price(1e6) == pytest.approx(94.0)
    assert shape.price(10e6) == pytest.approx(13.0)


@given(SHAPES, SHAPES)
def test_at_the_crossing_both_cost_the_same_and_it_is_of_either(one: Shape, other: Shape) -> None:
    found = find_crossing(one, other)

    if found is None:
        # Then one is nowhere dearer than the other.
        fixed, each = one.month_usd - other.month_usd, one.million_usd - other.million_usd
        assert fixed * each >= 0
    else:
        assert one.price(found) == pytest.approx(other.price(found), rel=1e-6)
        assert find_crossing(other, one) == pytest.approx(found)


def test_the_shapes_are_of_the_price_table() -> None:
    prices = read_prices()
    deployed, pair, alone = describe_shapes(whole_ms=4.2, alone_ms=1.0)

    assert pair.million_usd == 0
    assert pair.month_usd == pytest.approx(2 * 730 * prices.of_instance("ml.m5.large"))
    assert deployed.month_usd - alone.month_usd == pytest.approx(pair.month_usd / 2)
    # Whole milliseconds are billed: four more of 1769 MB, a million times.
    assert deployed.million_usd - alone.million_usd == pytest.approx(
        4_000 * 1769 / 1024 * prices.price.function_gb_second
    )
