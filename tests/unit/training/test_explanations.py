"""What an answer is made of, held against Shapley's own definition."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noriba.training.boosters import QuantileBoosters
from noriba.training.explanations import MOST_CONTRIBUTIONS, explain, to_amounts
from noriba.training.fitting import fit_model
from tests.unit.training.deliveries import FEATURES, USE_CASE, make_inputs, settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit

ROWS = 12


@pytest.fixture(scope="module")
def tiny(deliveries: dict[str, Column], split: TimeSplit) -> Model:
    """Trees that can be followed by hand: a handful, of a few leaves, on some lengths that nobody knows."""
    settings = settle(trees=6, leaves=6, learning_rate=0.4)
    unknown = np.arange(len(deliveries["clock_hour"])) % 7 == 0
    table = {**deliveries, "clock_hour": np.where(unknown, np.nan, deliveries["clock_hour"])}
    return fit_model(USE_CASE, settings, table, fit=split.fit, calibration=split.calibration)


@pytest.fixture(scope="module")
def asked() -> dict[str, Column]:
    columns = FEATURES.compute(make_inputs(ROWS, seed=77))
    columns["clock_hour"][::3] = np.nan
    return columns


def expect(node: Mapping[str, Any], row: np.ndarray, known: frozenset[int]) -> float:
    """What a tree answers when only some columns are known: both ways where it asks for another, by rows."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    ways = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expect(ways[0] if goes_left(node, row[node["split_feature"]]) else ways[1], row, known)
    counts = [way.get("internal_count", way.get("leaf_count")) for way in ways]
    return float(np.average([expect(way, row, known) for way in ways], weights=counts))


def goes_left(node: Mapping[str, Any], value: float) -> bool:
    if np.isnan(value):
        if node["missing_type"] == "NaN":
            return bool(node["default_left"])
        value = 0.0
    return bool(value <= node["threshold"])


def share_by_definition(trees: list[Mapping[str, Any]], row: np.ndarray) -> Iterator[float]:
    """Shapley (1953): the mean of what a column adds, over all orders in which columns become known; last, nothing."""
    columns = range(len(row))

    def answer(known: frozenset[int]) -> float:
        return sum(expect(tree, row, known) for tree in trees)

    for column in columns:
        others = [one for one in columns if one != column]
        total = 0.0
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(row))
            for some in combinations(others, size):
                total += weight * (answer(frozenset({*some, column})) - answer(frozenset(some)))
        yield total
    yield answer(frozenset())


def test_shares_are_those_of_shapleys_definition(tiny: Model, asked: dict[str, Column]) -> None:
    predictor = tiny.load()
    matrix, _names = predictor.tabulate(asked)

    for place, text in enumerate(tiny.boosters.texts):
        trees = [one["tree_structure"] for one in lightgbm.Booster(model_str=text).dump_model()["tree_info"]]
        expected = np.array([list(share_by_definition(trees, row)) for row in matrix])
        np.testing.assert_allclose(predictor.boosters.attribute(matrix, place), expected, rtol=1e-9, atol=1e-12)
        assert (expected[:, :-1] != 0).any(axis=0).sum() >= 3, "trees that ask for one column prove nothing"


def test_an_explanation_adds_up_to_the_answer(model: Model, asked: dict[str, Column]) -> None:
    predictor = model.load()
    answered = predictor.predict_features(asked).value

    for most in (0, 2, 99):
        explained = explain(predictor, asked, most=most)
        assert [one.total for one in explained] == pytest.approx(answered.tolist(), rel=1e-12, abs=1e-6)
        assert all(len(one.contributions) == min(most, 5) for one in explained)
    assert all(one.rest == 0 for one in explain(predictor, asked, most=99))


def test_contributions_are_the_largest_first_and_know_what_they_are_of(model: Model, asked: dict[str, Column]) -> None:
    predictor = model.load()
    typical = model.encoders.encode(asked)

    for row, one in enumerate(explain(predictor, asked)):
        assert len(one.contributions) <= MOST_CONTRIBUTIONS
        amounts = [abs(each.amount) for each in one.contributions]
        assert amounts == sorted(amounts, reverse=True)
        for each in one.contributions:
            if each.column in typical:
                # In the label's unit: what deliveries like this one usually take.
                assert each.value == pytest.approx(np.exp(typical[each.column][row]))
            elif np.isnan(asked[each.column][row]):
                assert each.value is None
            else:
                assert each.value == asked[each.column][row]


def test_the_booster_that_gave_the_median_is_the_one_explained(model: Model, asked: dict[str, Column]) -> None:
    """Quantiles are sorted row by row: with boosters in another order, the answers are the same, and so is why."""
    quantiles, texts = model.boosters.quantiles, model.boosters.texts
    turned = replace(model, boosters=QuantileBoosters(quantiles, (texts[1], texts[2], texts[0])))

    assert explain(turned.load(), asked) == explain(model.load(), asked)


def test_a_row_alone_is_explained_as_in_company(model: Model, asked: dict[str, Column]) -> None:
    predictor = model.load()

    alone = [explain(predictor, {name: column[row : row + 1] for name, column in asked.items()})[0] for row in range(3)]

    assert alone == list(explain(predictor, asked)[:3])


@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=9), st.floats(-5.0, 12.0))
@example([1.0, -1.0], 3.0)
@example([0.0], 3.0)
@example([1e-17, -1e-300], 3.0)
def test_amounts_lead_from_the_base_to_the_answer_whatever_the_shares(shares: list[float], base: float) -> None:
    start, amounts = to_amounts(np.array([shares]), np.array([base]))

    assert start[0] == np.exp(base)
    assert start[0] + amounts.sum() == pytest.approx(np.exp(base + np.sum(shares)), rel=1e-9)
    # What made the answer longer adds, and twice the share adds twice as much.
    assert (np.sign(amounts[0]) == np.sign(shares)).all() or np.abs(shares).min() < 1e-300
    np.testing.assert_allclose(amounts[0] * shares[0], amounts[0][0] * np.array(shares), rtol=1e-9, atol=1e-12)
