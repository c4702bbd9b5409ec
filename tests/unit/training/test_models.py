"""A whole model: what it learns from, what it answers, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noriba.errors import FeatureMismatchError
from noriba.features import FeatureSet
from noriba.features.columns import stack_columns
from noriba.training.calibration import IntervalShift
from noriba.training.encoders import fit_encoders
from noriba.training.fitting import fit_model
from noriba.training.learning import learn
from noriba.training.models import Answers
from noriba.training.quantiles import fit_quantiles
from noriba.training.windows import Sample
from tests.unit.training.deliveries import (
    FEATURES,
    INPUTS,
    USE_CASE,
    clock_hour,
    length_m,
    make_deliveries,
    settle,
    start_area,
)

if TYPE_CHECKING:
    from noriba.features import Column, Columns
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit


def name_by_identity(columns: Columns) -> dict[str, Column]:
    return {feature.identity: columns[feature.name] for feature in FEATURES.features}


def assert_equal(found: Answers, expected: Answers, rows: slice = slice(None)) -> None:
    for name, values in vars(found).items():
        np.testing.assert_array_equal(values, getattr(expected, name)[rows], strict=True)


# --- what it answers -------------------------------------------------------------------------------------------------


def test_an_interval_that_claims_eight_in_ten_holds_eight_in_ten(model: Model) -> None:
    later = make_deliveries(5_000, seed=50)
    answers = model.load().predict_features(later)

    covered = (answers.low <= later["duration_s"]) & (later["duration_s"] <= answers.high)

    assert model.claimed_coverage == pytest.approx(0.8)
    assert np.mean(covered) == pytest.approx(0.8, abs=0.04)


POSITIVE = st.floats(1e-6, 1e9)


@given(st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE).map(sorted), min_size=1), st.floats(0.1, 10.0))
def test_stretched_intervals_are_intervals_around_the_same_median(rows: list[list[float]], factor: float) -> None:
    told = Answers(*np.array(rows).T)

    stretched = told.stretch(factor)

    np.testing.assert_array_equal(stretched.value, told.value)
    assert ((stretched.low > 0) & (stretched.low <= told.value) & (told.value <= stretched.high)).all()
    for end, was in ((stretched.low, told.low), (stretched.high, told.high)):
        np.testing.assert_allclose(np.log(end / told.value), factor * np.log(was / told.value), atol=1e-9)


def test_stretched_by_nothing_an_interval_is_as_it_was() -> None:
    told = Answers(np.array([80.0]), np.array([100.0]), np.array([130.0]))

    np.testing.assert_allclose([told.stretch(1.0).low, told.stretch(1.0).high], [[80.0], [130.0]], rtol=1e-15)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 1e7), st.floats(-1e9, 1e9) | st.just(np.nan), st.floats(-1e9, 1e9)),
        min_size=1,
        max_size=30,
    )
)
def test_low_median_and_high_never_cross_whatever_is_asked(
    model: Model, rows: list[tuple[float, float, float]]
) -> None:
    metres, area, hour = np.array(rows).T

    answers = model.load().predict_features({"length_m": metres, "start_area": area, "clock_hour": hour})

    assert (answers.low > 0).all()
    assert (answers.low <= answers.value).all()
    assert (answers.value <= answers.high).all()
    assert np.isfinite(answers.high).all()


def test_an_interval_that_shrinks_beyond_its_median_ends_there(model: Model, deliveries: dict[str, Column]) -> None:
    shrunk = replace(model, shift=IntervalShift(low=-10.0, high=-10.0))

    answers = shrunk.load().predict_features(deliveries)

    np.testing.assert_array_equal(answers.low, answers.value)
    np.testing.assert_array_equal(answers.high, answers.value)


def test_raw_quantiles_are_sorted_within_each_row(model: Model, deliveries: dict[str, Column]) -> None:
    quantiles = model.load().predict_log_quantiles(deliveries)

    assert quantiles.shape == (len(deliveries["metres"]), 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_a_row_is_answered_alike_alone_and_in_company(model: Model, deliveries: dict[str, Column]) -> None:
    predictor = model.load()
    together = predictor.predict_features(deliveries)

    for row in (0, 17, 3_999):
        alone = predictor.predict_features({name: column[row : row + 1] for name, column in deliveries.items()})
        assert_equal(alone, together, slice(row, row + 1))


# --- what it refuses -------------------------------------------------------------------------------------------------


def test_columns_are_picked_by_identity_and_others_ignored(model: Model, deliveries: dict[str, Column]) -> None:
    predictor = model.load()
    named = name_by_identity(deliveries)
    # Another variant's columns travel in the same request: even one of the same name.
    foreign = {"length_m@000000000000": np.full(4_000, 1e6), "temperature@0123456789ab": np.zeros(7)}

    answers = predictor.predict({**foreign, **dict(reversed(named.items()))})

    assert_equal(answers, predictor.predict_features(deliveries))


def test_a_missing_column_is_refused_by_its_identity(model: Model, deliveries: dict[str, Column]) -> None:
    named = name_by_identity(deliveries)
    missing = FEATURES.identities[1]
    del named[missing]

    with pytest.raises(FeatureMismatchError, match=f"the model needs {missing}; it was given {min(named)}"):
        model.load().predict(named)


def test_a_column_of_another_definition_is_a_missing_column(model: Model, deliveries: dict[str, Column]) -> None:
    named = name_by_identity(deliveries)
    identity = FEATURES.identities[0]
    named["length_m@000000000000"] = named.pop(identity)

    with pytest.raises(FeatureMismatchError, match=f"the model needs {identity}"):
        model.load().predict(named)


def test_nothing_at_all_is_refused(model: Model) -> None:
    with pytest.raises(FeatureMismatchError, match="it was given nothing"):
        model.load().predict({})


def test_columns_of_different_lengths_are_refused(model: Model, deliveries: dict[str, Column]) -> None:
    named = name_by_identity(deliveries)
    named[FEATURES.identities[0]] = named[FEATURES.identities[0]][:10]

    with pytest.raises(ValueError, match="one common length"):
        model.load().predict(named)


# --- what it learns from ---------------------------------------------------------------------------------------------


def change_labels(columns: dict[str, Column], rows: slice) -> dict[str, Column]:
    label = columns[USE_CASE.data.label].copy()
    label[rows] *= np.random.default_rng(9).uniform(2.0, 3.0, label[rows].shape)
    return {**columns, USE_CASE.data.label: label}


def refit(columns: dict[str, Column], split: TimeSplit) -> Model:
    return fit_model(USE_CASE, settle(), columns, fit=split.fit, calibration=split.calibration)


def test_the_same_rows_give_the_same_model(model: Model, deliveries: dict[str, Column], split: TimeSplit) -> None:
    again = refit(deliveries, split)

    assert again.boosters == model.boosters
    assert again.shift == model.shift


def test_the_hold_out_teaches_nothing(model: Model, deliveries: dict[str, Column], split: TimeSplit) -> None:
    other = refit(change_labels(deliveries, split.holdout), split)

    assert other.boosters == model.boosters
    assert other.shift == model.shift


def test_calibration_rows_move_the_interval_and_teach_the_median_alone(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    other = refit(change_labels(deliveries, split.calibration), split)

    (low, median, high), (other_low, other_median, other_high) = model.boosters.texts, other.boosters.texts
    assert (other_low, other_high) == (low, high)
    assert other_median != median
    for found, expected in zip(other.encoders.values, model.encoders.values, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert other.shift.high > model.shift.high
    assert other.shift.low < model.shift.low


@pytest.mark.parametrize("median", [0.11, 0.89])
def test_the_median_has_no_say_in_where_the_ends_are_moved(
    model: Model, deliveries: dict[str, Column], split: TimeSplit, median: float
) -> None:
    """It knows the rows that the ends are counted on; here, it lies so near to an end that it often crosses it."""
    other = fit_model(
        USE_CASE, settle(quantiles=(0.1, median, 0.9)), deliveries, fit=split.fit, calibration=split.calibration
    )

    assert other.shift == model.shift
    assert other.boosters.texts[::2] == model.boosters.texts[::2]
    counted = {name: column[split.calibration] for name, column in deliveries.items()}
    answers = other.load().predict_features(counted)
    assert np.mean(counted["duration_s"] < answers.low) <= 0.1
    assert np.mean(counted["duration_s"] > answers.high) <= 0.1


def test_the_median_follows_what_has_changed_by_the_time_of_calibration(
    deliveries: dict[str, Column], split: TimeSplit
) -> None:
    slower = deliveries["duration_s"].copy()
    slower[split.calibration.start :] *= 1.5
    held_out = {name: column[split.holdout] for name, column in deliveries.items()}
    outcome = slower[split.holdout]

    before, after = (
        refit({**deliveries, "duration_s": label}, split).load().predict_features(held_out)
        for label in (deliveries["duration_s"], slower)
    )

    assert np.mean(np.abs(after.value - outcome)) < 0.95 * np.mean(np.abs(before.value - outcome))


def test_rows_of_calibration_are_encoded_from_those_before_and_count_as_much_as_the_latest(
    deliveries: dict[str, Column], split: TimeSplit
) -> None:
    weights = np.linspace(0.5, 1.0, split.fit.stop)
    fit, later = (
        {name: deliveries[name][rows] for name in (*FEATURES.names, "duration_s")}
        for rows in (split.fit, split.calibration)
    )
    specs, pace = USE_CASE.model.encoders, USE_CASE.model.pace
    encoders, encoded = fit_encoders(specs, pace, fit, fit["duration_s"], weights=weights)
    wanted = (*FEATURES.names, *encoders.names)
    first, last = stack_columns({**fit, **encoded}, wanted), stack_columns({**later, **encoders.encode(later)}, wanted)
    expected = fit_quantiles(
        np.concatenate([first, last]),
        np.log(np.concatenate([fit["duration_s"], later["duration_s"]])),
        names=wanted,
        settings=settle(),
        weights=np.concatenate([weights, np.ones(len(last))]),
    )

    _encoders, boosters = learn(USE_CASE, settle(), deliveries, Sample(split.fit, weights), later=split.calibration)

    assert boosters.texts[1] == expected.texts[1]
    assert boosters.texts[0] != expected.texts[0]


def test_fit_rows_teach_the_trees_and_the_encoders(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    other = refit(change_labels(deliveries, split.fit), split)

    assert other.boosters != model.boosters
    assert other.encoders.overall > model.encoders.overall


def test_a_model_reads_its_features_in_the_order_in_which_they_were_declared(
    model: Model, deliveries: dict[str, Column], split: TimeSplit
) -> None:
    reordered = FeatureSet([clock_hour, start_area, length_m], inputs=INPUTS)
    other = fit_model(
        replace(USE_CASE, features=reordered), settle(), deliveries, fit=split.fit, calibration=split.calibration
    )

    assert other.feature_identities == tuple(reversed(model.feature_identities))
    # Either is served by name: a request need not know the order.
    predicted, expected = (one.load().predict(name_by_identity(deliveries)) for one in (other, model))
    np.testing.assert_allclose(predicted.value, expected.value, rtol=0.25)
