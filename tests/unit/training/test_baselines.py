"""The naive baseline, held against pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noriba.training.baselines import fit_baseline
from tests.unit.training.deliveries import OFFSET_M, USE_CASE, make_deliveries

if TYPE_CHECKING:
    from noriba.features import Column


def test_the_baseline_is_the_groups_median_pace_times_the_length(deliveries: dict[str, Column]) -> None:
    frame = pd.DataFrame(deliveries)
    pace = frame["duration_s"] / (frame["length_m"] + OFFSET_M)

    baseline = fit_baseline(USE_CASE.model.baseline_keys, USE_CASE.model.pace, deliveries, deliveries["duration_s"])

    # The median of an even number of paces is taken between their logarithms.
    median = np.exp(np.log(pace).groupby(frame["clock_hour"]).transform("median"))
    np.testing.assert_allclose(baseline.predict(deliveries), median * (frame["length_m"] + OFFSET_M))


def test_groups_may_have_several_keys(deliveries: dict[str, Column]) -> None:
    frame = pd.DataFrame(deliveries)
    log_pace = np.log(frame["duration_s"] / (frame["length_m"] + OFFSET_M))
    keys = ("clock_hour", "start_area")

    baseline = fit_baseline(keys, USE_CASE.model.pace, deliveries, deliveries["duration_s"])

    median = np.exp(log_pace.groupby([frame[key] for key in keys]).transform("median"))
    np.testing.assert_allclose(baseline.predict(deliveries), median * (frame["length_m"] + OFFSET_M))


def test_a_group_that_never_occurred_gets_the_overall_median() -> None:
    columns = make_deliveries(500)
    baseline = fit_baseline(("start_area",), USE_CASE.model.pace, columns, columns["duration_s"])

    answers = baseline.predict({"start_area": np.array([99.0, np.nan]), "length_m": np.array([500.0, 1500.0])})

    overall = np.median(np.log(columns["duration_s"] / (columns["length_m"] + OFFSET_M)))
    np.testing.assert_allclose(answers, np.exp(overall) * np.array([1000.0, 2000.0]))
