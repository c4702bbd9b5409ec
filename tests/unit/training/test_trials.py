"""Windows tried against each other: the world decides, and the hold-out never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from noriba.training.splits import TimeSplit
from noriba.training.trials import choose_window
from noriba.usecase import ALL_ROWS, LastDays, RecentFirst, SinceChange
from tests.unit.training.deliveries import USE_CASE, settle
from tests.unit.training.test_windows import LABEL, TIME, slow_down, spread_over

if TYPE_CHECKING:
    from noriba.features import Column
    from noriba.training.trials import Choice

SPLIT = TimeSplit(fit=slice(0, 3_200), calibration=slice(3_200, 3_600), holdout=slice(3_600, 4_000))
WINDOWS = (ALL_ROWS, LastDays(days=20), RecentFirst(half_life_days=10), SinceChange())


def choose(columns: dict[str, Column], *windows: Any, **changes: Any) -> Choice:
    return choose_window(USE_CASE, settle(windows=windows or WINDOWS, **changes), columns, SPLIT)


def test_where_nothing_is_to_choose_nothing_is_tried() -> None:
    lines = list[str]()

    choice = choose_window(USE_CASE, settle(), spread_over(80), SPLIT, report=lines.append)

    assert (choice.sample.rows, choice.sample.weights) == (SPLIT.fit, None)
    assert (choice.evidence.window, choice.evidence.rows, choice.evidence.trials) == ("all rows", 3_200, ())
    assert lines == ["window: all rows: 3200 rows since 2023-11-14"]


@pytest.mark.parametrize("seed", range(5))
def test_in_a_world_that_stays_the_first_window_stays(seed: int) -> None:
    assert choose(spread_over(80, seed=seed)).evidence.window == "all rows"


def test_every_window_is_tried_on_the_same_rows() -> None:
    choice = choose(spread_over(80))

    assert [trial.window for trial in choice.evidence.trials] == [window.name for window in WINDOWS]
    # Without a change, everything since the last change is everything.
    assert choice.evidence.trials[3].mae == choice.evidence.trials[0].mae
    assert choice.evidence.judged_rows == 400


def test_after_a_change_what_came_before_it_is_left() -> None:
    changed = slow_down(spread_over(80), 2_300, 1.6)

    choice = choose(changed, ALL_ROWS, SinceChange())

    assert choice.evidence.window == "since the last change"
    assert choice.sample.rows.start == pytest.approx(2_300, abs=100)
    assert choice.evidence.first_s == changed[TIME][choice.sample.rows.start]
    everything, since = choice.evidence.trials
    assert everything.mae is not None
    assert since.mae is not None
    assert since.mae < 0.9 * everything.mae
    assert "MAE of trials on 400 later rows: all rows " in choice.evidence.summary


def test_what_might_be_chance_is_no_reason_to_leave_rows() -> None:
    """Four per cent less error, on four hundred rows of eight days."""
    everything, since = choose(slow_down(spread_over(80), 1_900, 1.6), ALL_ROWS, SinceChange()).evidence.trials

    assert everything.mae is not None
    assert since.mae is not None
    assert since.mae < 0.97 * everything.mae
    assert not since.clearly_better


def test_the_first_window_yields_only_to_one_that_is_clearly_better() -> None:
    changed = slow_down(spread_over(80), 2_300, 1.6)

    assert choose(changed, ALL_ROWS, SinceChange(), window_margin=0.9).evidence.window == "all rows"


def test_the_hold_out_has_no_say() -> None:
    columns = slow_down(spread_over(80), 1_900, 1.1)
    other = slow_down(columns, SPLIT.holdout.start, 7.0)

    assert choose(columns).evidence == choose(other).evidence
    assert choose(columns).evidence != choose(slow_down(columns, SPLIT.calibration.start, 7.0)).evidence


def test_windows_that_take_the_same_rows_are_not_tried() -> None:
    choice = choose(spread_over(80), ALL_ROWS, LastDays(days=90), SinceChange())

    assert (choice.evidence.window, choice.evidence.trials, choice.evidence.judged_rows) == ("all rows", (), 0)


def test_the_same_rows_make_the_same_choice() -> None:
    columns = slow_down(spread_over(80), 1_900)

    assert choose(columns).evidence == choose(columns, threads=2).evidence


def test_a_window_of_too_few_rows_is_not_tried_and_not_chosen() -> None:
    choice = choose(spread_over(80), LastDays(days=1), ALL_ROWS)

    assert choice.evidence.window == "all rows"
    assert choice.evidence.trials[0].mae is None
    assert "last 1 days too few rows" in choice.evidence.summary


def test_old_rows_that_count_for_less_are_weighed_in_the_whole_model_too() -> None:
    drifting = spread_over(80)
    drifting = {**drifting, LABEL: drifting[LABEL] * np.exp(np.linspace(0.0, 1.5, 4_000))}

    choice = choose(drifting, ALL_ROWS, RecentFirst(half_life_days=5))

    assert choice.evidence.window == "half-life 5 days"
    assert choice.sample.rows == SPLIT.fit
    assert choice.sample.weights is not None


def test_a_weighted_window_that_is_named_first_is_tried_too() -> None:
    choice = choose(spread_over(80), RecentFirst(half_life_days=10), ALL_ROWS)

    assert len(choice.evidence.trials) == 2
