"""Answers in numbers: over all, and of each part of the traffic."""

from __future__ import annotations

import pytest

from noriba.monitoring.parts import measure_parts
from noriba.records.measurements import EVERYTHING, AnswerTally, HourMeasurement
from tests.unit.monitoring.measured_hours import DAY, PART, make_hours, measured


def test_without_any_outcome_the_error_is_guessed_from_the_intervals() -> None:
    wide = AnswerTally(answered=10, width=10 * 450.0)
    [total] = measure_parts([HourMeasurement(hour=DAY, versions={3: {EVERYTHING: wide}})], 3, measured(100.0))

    assert total.mae is None
    assert total.estimated_mae == pytest.approx(150.0)


def test_a_part_in_numbers() -> None:
    total, part = measure_parts(make_hours(100.0, part=50.0, rows=100), 3, measured(100.0, part_mae=40.0))

    assert (total.part, part.part) == ("", PART)
    assert total.answered == 2 * total.with_outcome == 2 * 24 * 100
    assert total.mae == pytest.approx(100.0, rel=0.1)
    assert (total.expected_mae, part.expected_mae) == (100.0, 40.0)
    assert total.coverage == pytest.approx(0.8)
    assert total.mean_width == pytest.approx(300.0)
