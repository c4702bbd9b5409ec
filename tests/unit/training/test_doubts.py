"""A model doubts itself where it has reason to, and only there."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.features.columns import take_rows
from noriba.records.experience import EXPERIENCE_FILE, Experience, SeenColumn
from noriba.records.explanations import Doubt
from noriba.training.doubts import MOST_DOUBTS, Humility, find_doubts
from noriba.training.experience import measure_widths, read_experience, record_experience
from noriba.usecase import HumilityPolicy
from tests.unit.training.deliveries import AREAS, FEATURES

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit

POLICY = HumilityPolicy()
PLAIN = {"length_m": 3_000.0, "start_area": 3.0, "clock_hour": 9.0}


@pytest.fixture(scope="module")
def experience(model: Model, deliveries: dict[str, Column], split: TimeSplit) -> Experience:
    return record_experience(model, deliveries, split)


def doubt(model: Model, experience: Experience, policy: HumilityPolicy = POLICY, **changes: float) -> tuple[Doubt, ...]:
    """The doubts about one ordinary delivery, with some of it changed."""
    columns = {name: np.array([changes.get(name, value)]) for name, value in PLAIN.items()}
    found = find_doubts(model, experience, columns, model.load().predict_features(columns), policy)
    return found[0] if found else ()


def test_an_ordinary_request_is_not_doubted(model: Model, experience: Experience) -> None:
    assert doubt(model, experience) == ()


def test_what_lies_outside_of_training_is(model: Model, experience: Experience) -> None:
    seen = experience.columns["length_m"]
    assert seen.low is not None
    assert seen.high is not None
    slack = 0.05 * (seen.high - seen.low)
    above = Doubt(kind="above", column="length_m", value=seen.high + 1.01 * slack, bound=seen.high)

    assert above in doubt(model, experience, length_m=seen.high + 1.01 * slack)
    within = doubt(model, experience, length_m=seen.high + 0.99 * slack)
    assert not {one.kind for one in within} & {"above", "below"}
    [strict] = doubt(model, experience, HumilityPolicy(beyond_range=0.0, wider_than=1.0), length_m=seen.low - 0.5)
    assert strict == Doubt(kind="below", column="length_m", value=seen.low - 0.5, bound=seen.low)


def test_the_range_is_that_of_the_rows_that_the_trees_grew_on(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    later = deliveries["length_m"].copy()
    later[split.fit.stop :] *= 1_000.0

    seen = record_experience(model, {**deliveries, "length_m": later}, split).columns["length_m"]

    assert (seen.low, seen.high) == (deliveries["length_m"][split.fit].min(), deliveries["length_m"][split.fit].max())


def test_a_key_that_training_never_saw_is_doubted_whatever_lies_around_it(model: Model, experience: Experience) -> None:
    assert experience.columns["start_area"] == SeenColumn(low=None, high=None, unknown=0)
    for area in (3.5, -1.0, AREAS + 0.0):
        assert Doubt(kind="unseen", column="start_area", value=area) in doubt(model, experience, start_area=area)


def test_a_combination_that_training_never_saw_is_doubted_where_policy_says_so(
    model: Model, experience: Experience
) -> None:
    """Of one without a parent: with one, it falls back to it by design."""
    alone = replace(model.encoders.specs[1], parent=None)
    rare = replace(model.encoders.indexes[1], groups=model.encoders.indexes[1].groups[:1])
    encoders = replace(
        model.encoders, specs=(model.encoders.specs[0], alone), indexes=(model.encoders.indexes[0], rare)
    )
    strange, strict = replace(model, encoders=encoders), HumilityPolicy(unseen_groups=True)

    assert Doubt(kind="unseen_group", column="typical_area_by_hour") in doubt(strange, experience, strict)
    assert doubt(strange, experience) == ()
    assert doubt(model, experience, strict) == ()


def test_what_is_unknown_is_doubted_unless_training_had_to_do_without_it_too(
    model: Model, experience: Experience
) -> None:
    assert Doubt(kind="unknown", column="length_m") in doubt(model, experience, length_m=np.nan)
    assert Doubt(kind="unknown", column="clock_hour") in doubt(model, experience, clock_hour=np.nan)

    some = experience.columns["length_m"].model_copy(update={"unknown": 7})
    used_to_it = experience.model_copy(update={"columns": {**experience.columns, "length_m": some}})
    assert "unknown" not in {one.kind for one in doubt(model, used_to_it, length_m=np.nan)}


def test_a_column_that_training_never_knew_is_read_by_no_tree_and_doubted_by_none(
    model: Model, experience: Experience
) -> None:
    never = SeenColumn(low=None, high=None, unknown=2_400)
    blind = experience.model_copy(update={"columns": {**experience.columns, "length_m": never}})

    assert "above" not in {one.kind for one in doubt(model, blind, length_m=1e9)}


@pytest.mark.parametrize("wider_than", [0.9, 0.99])
def test_intervals_wider_than_those_of_most_calibration_rows_are_doubted(
    model: Model, experience: Experience, deliveries: dict[str, Column], split: TimeSplit, wider_than: float
) -> None:
    rows = take_rows(deliveries, np.arange(split.calibration.start, split.calibration.stop))
    answers = model.load().predict_features(rows)
    policy = HumilityPolicy(beyond_range=1e9, wider_than=wider_than)

    found = find_doubts(model, experience, {name: rows[name] for name in FEATURES.names}, answers, policy)

    wide = np.array([any(one.kind == "wide" for one in doubts) for doubts in found])
    assert wide.mean() == pytest.approx(1 - wider_than, abs=0.006)
    widths = measure_widths(answers)
    assert widths[wide].min() >= np.quantile(widths, wider_than - 0.005)
    told = [one for doubts in found for one in doubts if one.kind == "wide"]
    assert all(one.value > one.bound for one in told if one.value is not None and one.bound is not None)


def test_an_interval_may_also_be_called_wide_by_a_number(model: Model, experience: Experience) -> None:
    assert doubt(model, experience, HumilityPolicy(max_relative_width=0.01))[0].kind == "wide"
    assert doubt(model, experience, HumilityPolicy(max_relative_width=100.0, wider_than=1.0)) == ()


def test_one_row_has_a_few_doubts_and_others_none(model: Model, experience: Experience) -> None:
    columns = {
        "length_m": np.array([3_000.0, 1e7]),
        "start_area": np.array([3.0, 99.0]),
        "clock_hour": np.array([9.0, 77.0]),
    }
    strict = HumilityPolicy(max_relative_width=1e-3)
    answers = model.load().predict_features(columns)

    ordinary, strange = find_doubts(model, experience, columns, answers, strict)

    assert [one.kind for one in ordinary] == ["wide"]
    assert len(strange) == MOST_DOUBTS
    # What was never seen at all is told before what lies beyond.
    assert [one.kind for one in strange] == ["unseen", "unseen", "above"]


def test_experience_travels_in_the_bundle_and_old_ones_have_none(experience: Experience, tmp_path: Path) -> None:
    assert read_experience(tmp_path) is None
    (tmp_path / EXPERIENCE_FILE).write_text(experience.model_dump_json())
    assert read_experience(tmp_path) == experience


class Both:
    """A model that is asked for its doubts both ways."""

    def __init__(self, model: Model, experience: Experience) -> None:
        self._model, self._experience = model, experience

    def compare(self, rows: list[tuple[float, ...]], policy: HumilityPolicy) -> None:
        columns = dict(zip(PLAIN, np.array(rows).T.copy(), strict=True))
        predictor, humility = self._model.load(), Humility(self._model, self._experience)
        matrix, _names = predictor.tabulate(columns)
        answers = predictor.predict_matrix(matrix)

        found = humility.find_doubts(columns, matrix, answers, policy)
        assert found == find_doubts(self._model, self._experience, columns, answers, policy)


@pytest.fixture(scope="module")
def both(model: Model, experience: Experience) -> Both:
    return Both(model, experience)


VALUES = st.sampled_from([math.nan, 0.0, 1.0, 3.0, 9.0, 3e3, 1e7])
STRICT, GROUPS = HumilityPolicy(beyond_range=0.0, wider_than=0.5), HumilityPolicy(unseen_groups=True)


@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=40),
    policy=st.sampled_from([POLICY, STRICT, GROUPS]),
)
@settings(deadline=None)
def test_a_server_that_looks_at_strange_rows_alone_finds_the_same(
    both: Both, rows: list[tuple[float, ...]], policy: HumilityPolicy
) -> None:
    both.compare(rows, policy)
