"""Fitted encoders, held against a slow reference that keeps every past row in a dict of lists."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.training.encoders import BLOCKS, UNSEEN, GroupIndex, check_specs, fit_encoders, measure_log_pace
from noriba.usecase import EncoderSpec, PaceSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column, Columns

PACE = PaceSpec(length="metres", offset=100.0)
BY_AREA = EncoderSpec("by_area", keys=("area",), prior_rows=3.0)
BY_HOUR = EncoderSpec("by_hour", keys=("hour",), prior_rows=2.0)
BY_AREA_AND_HOUR = EncoderSpec("by_area_and_hour", keys=("area", "hour"), prior_rows=1.5, parent="by_area")
SPECS = (BY_AREA, BY_HOUR, BY_AREA_AND_HOUR)

AREAS = st.sampled_from([0.0, 1.0, 7.0, math.nan])
HOURS = st.sampled_from([0.0, 23.0, math.nan])
POSITIVE = st.floats(1.0, 1e5)
ROWS = st.lists(st.tuples(AREAS, HOURS, POSITIVE, POSITIVE), min_size=1, max_size=60)

Row = tuple[float, float, float, float]


def as_table(rows: Sequence[Row]) -> tuple[dict[str, Column], Column]:
    area, hour, metres, label = np.array(rows, dtype=np.float64).T
    return {"area": area, "hour": hour, "metres": metres}, label


def encode_slowly(row: Row, past: Sequence[Row]) -> dict[str, float]:
    """The encoder columns of one row, from nothing but the rows before it."""
    learned: dict[str, dict[tuple[float, ...], list[float]]] = {name: {} for name in ("area", "hour", "area hour")}
    for area, hour, metres, label in past:
        log_pace = math.log(label / (metres + PACE.offset))
        for name, group in (("area", (area,)), ("hour", (hour,)), ("area hour", (area, hour))):
            learned[name].setdefault(group, []).append(log_pace)
    area, hour, metres, _label = row
    log_length = math.log(metres + PACE.offset)
    overall = fmean(t for ts in learned["area hour"].values() for t in ts) if past else math.nan

    def shrink(
        group: tuple[float, ...], seen: dict[tuple[float, ...], list[float]], spec: EncoderSpec, to: float
    ) -> float:
        if any(map(math.isnan, group)):
            return to
        paces = seen.get(group, [])
        return to + math.fsum(pace - to for pace in paces) / (len(paces) + spec.prior_rows)

    by_area = shrink((area,), learned["area"], BY_AREA, overall)
    by_hour = shrink((hour,), learned["hour"], BY_HOUR, overall)
    both = shrink((area, hour), learned["area hour"], BY_AREA_AND_HOUR, by_area)
    return {
        "by_area": by_area + log_length,
        "by_hour": by_hour + log_length,
        "by_area_and_hour": both + log_length,
    }


def first_row_of_block(row: int, rows: int) -> int:
    return max(start for block in range(BLOCKS) if (start := block * rows // BLOCKS) <= row)


def assert_same(found: Columns, expected: Sequence[dict[str, float]]) -> None:
    for name, values in found.items():
        np.testing.assert_allclose(values, [row[name] for row in expected], rtol=1e-9, atol=1e-9)


@given(ROWS)
def test_training_rows_are_encoded_from_the_blocks_before_theirs(rows: list[Row]) -> None:
    _fitted, encoded = fit_encoders(SPECS, PACE, *as_table(rows))

    expected = [encode_slowly(row, rows[: first_row_of_block(i, len(rows))]) for i, row in enumerate(rows)]
    assert_same(encoded, expected)


@given(ROWS, ROWS)
def test_serving_encodes_any_row_from_all_training_rows(rows: list[Row], asked: list[Row]) -> None:
    fitted, _encoded = fit_encoders(SPECS, PACE, *as_table(rows))

    columns, _unknown_label = as_table(asked)
    assert_same(fitted.encode(columns), [encode_slowly(row, rows) for row in asked])


@given(ROWS, st.data())
def test_no_row_sees_its_own_label_or_a_later_one(rows: list[Row], data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(rows) - 1), label="row whose label changes")
    columns, label = as_table(rows)
    other_label = label.copy()
    other_label[changed] *= data.draw(st.sampled_from([0.001, 0.5, 1000.0]), label="factor")

    _fitted, before = fit_encoders(SPECS, PACE, columns, label)
    _fitted, after = fit_encoders(SPECS, PACE, columns, other_label)

    starts_of_later_blocks = [b * len(rows) // BLOCKS for b in range(BLOCKS + 1) if b * len(rows) // BLOCKS > changed]
    may_not_know = slice(0, min(starts_of_later_blocks))
    for name in before:
        np.testing.assert_array_equal(after[name][may_not_know], before[name][may_not_know], strict=True)


def test_later_blocks_do_learn_from_an_earlier_label() -> None:
    rows = [(1.0, 0.0, 1000.0, 300.0)] * BLOCKS
    columns, label = as_table(rows)
    other_label = label.copy()
    other_label[0] *= 2.0

    _fitted, before = fit_encoders([BY_AREA], PACE, columns, label)
    _fitted, after = fit_encoders([BY_AREA], PACE, columns, other_label)

    assert (after["by_area"][1:] > before["by_area"][1:]).all()


def test_the_first_block_has_no_past_and_is_unknown() -> None:
    _fitted, encoded = fit_encoders(SPECS, PACE, *as_table([(1.0, 0.0, 1000.0, 300.0)] * (2 * BLOCKS)))

    for values in encoded.values():
        assert np.isnan(values[:2]).all()
        assert np.isfinite(values[2:]).all()


def test_an_unseen_group_gets_its_parents_value_and_without_parent_the_overall_one() -> None:
    fast, slow = (1.0, 8.0, 900.0, 100.0), (2.0, 9.0, 900.0, 400.0)
    fitted, _encoded = fit_encoders(SPECS, PACE, *as_table([fast, fast, slow, slow]))
    log_length = math.log(900.0 + PACE.offset)

    seen = fitted.encode({"area": np.array([1.0]), "hour": np.array([8.0]), "metres": np.array([900.0])})
    other_hour = fitted.encode({"area": np.array([1.0]), "hour": np.array([3.0]), "metres": np.array([900.0])})
    unknown_hour = fitted.encode({"area": np.array([1.0]), "hour": np.array([np.nan]), "metres": np.array([900.0])})
    elsewhere = fitted.encode({"area": np.array([5.0]), "hour": np.array([8.0]), "metres": np.array([900.0])})

    assert seen["by_area_and_hour"] < seen["by_area"]
    assert other_hour["by_area_and_hour"] == unknown_hour["by_area_and_hour"] == seen["by_area"]
    assert elsewhere["by_area"] == elsewhere["by_area_and_hour"] == fitted.overall + log_length
    # Half of the rows took a tenth of a second a metre, half took four times as much.
    assert fitted.overall == pytest.approx((math.log(0.1) + math.log(0.4)) / 2)


def test_a_group_of_prior_rows_many_rows_is_believed_halfway() -> None:
    spec = EncoderSpec("by_area", keys=("area",), prior_rows=2.0)
    rows = [(1.0, 0.0, 900.0, 1000.0)] * 2 + [(2.0, 0.0, 900.0, 1000.0 * math.e)] * 2

    fitted, _encoded = fit_encoders([spec], PACE, *as_table(rows))

    # Log paces are 0 and 1, their mean is a half; each group stands halfway between that and its own.
    (values,) = fitted.values  # noqa: PD011  # no DataFrame
    np.testing.assert_allclose(values, [0.25, 0.75])


def test_a_key_that_is_never_known_makes_no_group() -> None:
    rows = [(math.nan, 8.0, 900.0, 100.0 + i) for i in range(40)]

    fitted, encoded = fit_encoders(SPECS, PACE, *as_table(rows))

    expected = [encode_slowly(row, rows[: first_row_of_block(i, len(rows))]) for i, row in enumerate(rows)]
    assert_same(encoded, expected)
    assert_same(fitted.encode(as_table(rows)[0]), [encode_slowly(row, rows) for row in rows])


@given(ROWS)
def test_a_row_is_encoded_alike_alone_and_in_company(rows: list[Row]) -> None:
    columns, label = as_table(rows)
    fitted, _encoded = fit_encoders(SPECS, PACE, columns, label)

    together = fitted.encode(columns)

    for i in range(len(rows)):
        alone = fitted.encode({name: column[i : i + 1] for name, column in columns.items()})
        for name, values in alone.items():
            np.testing.assert_array_equal(values, together[name][i : i + 1], strict=True)


@pytest.mark.parametrize(
    "specs",
    [
        pytest.param((BY_AREA_AND_HOUR, BY_AREA), id="the parent stands behind its child"),
        pytest.param((BY_AREA_AND_HOUR,), id="there is no such parent"),
        pytest.param((BY_AREA, EncoderSpec("child", ("area",), 1.0, parent="by_area")), id="as many keys"),
        pytest.param((BY_AREA, EncoderSpec("child", ("hour", "day"), 1.0, parent="by_area")), id="other keys"),
    ],
)
def test_a_parent_must_stand_before_its_child_and_have_fewer_of_its_keys(specs: tuple[EncoderSpec, ...]) -> None:
    culprit = next(spec for spec in specs if spec.parent)

    with pytest.raises(ValueError, match=f"encoder {culprit.name}: its parent by_area must stand before it"):
        check_specs(specs)


@given(st.lists(st.tuples(AREAS, HOURS), min_size=1, max_size=60))
def test_groups_are_numbered_as_pandas_numbers_them(rows: list[tuple[float, float]]) -> None:
    area, hour = np.array(rows).T
    index = GroupIndex.of([area, hour])

    numbers = index.number([area, hour])

    frame = pd.DataFrame({"area": area, "hour": hour})
    expected = frame.groupby(["area", "hour"]).ngroup()
    known = frame.notna().all(axis=1)
    assert numbers[known].tolist() == expected[known].tolist()
    assert (numbers[~known] == UNSEEN).all()


@pytest.mark.parametrize("key", [-1.0, 0.5, 2.0, math.inf, math.nan])
def test_a_value_that_did_not_occur_has_no_group(key: float) -> None:
    index = GroupIndex.of([np.array([0.0, 1.0]), np.array([3.0, 4.0])])

    assert index.number([np.array([key]), np.array([3.0])]).tolist() == [UNSEEN]
    assert index.number([np.array([0.0]), np.array([4.0])]).tolist() == [UNSEEN], "both occurred, never together"


def test_the_pace_is_the_label_over_length_and_offset() -> None:
    log_pace = measure_log_pace({"metres": np.array([900.0])}, np.array([500.0]), PACE)

    assert log_pace == pytest.approx(math.log(0.5))


# --- rows that count for less ----------------------------------------------------------------------------------------


@given(ROWS)
def test_rows_that_count_alike_are_as_without_weights(rows: list[Row]) -> None:
    columns, label = as_table(rows)

    plain, encoded = fit_encoders(SPECS, PACE, columns, label)
    weighed, encoded_too = fit_encoders(SPECS, PACE, columns, label, weights=np.ones(len(rows)))

    assert weighed.overall == plain.overall
    for name in encoded:
        np.testing.assert_array_equal(encoded[name], encoded_too[name])


@given(st.lists(st.tuples(AREAS, HOURS, POSITIVE, POSITIVE, st.integers(1, 4)), min_size=1, max_size=40))
def test_a_row_of_weight_three_is_three_rows_and_the_prior_is_in_rows_of_the_latest(
    rows: list[tuple[float, float, float, float, int]],
) -> None:
    """Weights of thirds and fourths, times whatever makes them whole."""
    rows = sorted(rows, key=lambda row: row[-1])
    times = np.array([row[-1] for row in rows])
    columns, label = as_table([row[:-1] for row in rows])
    repeated = {name: np.repeat(column, times) for name, column in columns.items()}
    heavier = tuple(replace(spec, prior_rows=spec.prior_rows * times[-1]) for spec in SPECS)

    weighed, _ = fit_encoders(SPECS, PACE, columns, label, weights=times / times[-1])
    expected, _ = fit_encoders(heavier, PACE, repeated, np.repeat(label, times))

    assert weighed.overall == pytest.approx(expected.overall)
    for found, wanted in zip(weighed.values, expected.values, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_a_training_row_s_past_counts_as_it_did_at_its_time() -> None:
    """Rows age together: in the middle of the table, the prior is no heavier than at its end."""
    rows = 64
    columns = {"area": np.zeros(rows), "hour": np.zeros(rows), "metres": np.full(rows, 900.0)}
    label = np.full(rows, 500.0)
    weights = 0.5 ** np.arange(rows - 1.0, -1.0, -1.0)

    _, whole = fit_encoders([BY_AREA], PACE, columns, label, weights=weights)
    half = {name: column[: rows // 2] for name, column in columns.items()}
    fitted, _ = fit_encoders([BY_AREA], PACE, half, label[: rows // 2], weights=weights[: rows // 2] / weights[31])

    np.testing.assert_allclose(whole["by_area"][rows // 2], fitted.encode(half)["by_area"][0], rtol=1e-12)
