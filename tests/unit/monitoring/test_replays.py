from __future__ import annotations

from datetime import date

import pytest

from noriba.monitoring.replays import measure_day

DAY = date(2026, 3, 1)


def test_a_day_is_told_as_by_hand() -> None:
    day = measure_day(
        DAY,
        outcomes=[100.0, 200.0, 300.0, 400.0],
        values=[110.0, 190.0, 330.0, 400.0],
        lows=[90.0, 150.0, 301.0, 400.0],
        highs=[120.0, 199.0, 400.0, 400.0],
        versions=[1, 1, 2, 2],
        frozen=[100.0, 100.0, 300.0, 300.0],
    )

    assert day.n == 4
    assert day.mae_s == pytest.approx((10 + 10 + 30 + 0) / 4)
    assert day.bias_s == pytest.approx((10 - 10 + 30 + 0) / 4)
    assert day.coverage == 0.5
    assert (day.model_version, day.model_versions) == (2, {1: 2, 2: 2})
    assert day.frozen_mae_s == 50.0
    assert day.frozen_bias_s == -50.0


def test_a_day_without_rides_has_no_numbers() -> None:
    day = measure_day(DAY, outcomes=[], values=[], lows=[], highs=[], versions=[], frozen=[])

    assert (day.n, day.mae_s, day.coverage, day.model_version, day.frozen_mae_s) == (0, None, None, None, None)
