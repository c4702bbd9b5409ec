"""Windows tried against each other: each trains a small model on the past, and is judged on what came next.

The rows to judge on are the latest of those that may be learned from, as many as calibrate. Not the hold-out's: it has
to say how good the model is, to the gates and to the approver, and a choice made on it would flatter what was chosen.
Nor those of calibration: the interval holds what it claims only on rows that had no say in the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import stack_columns, take_rows
from noriba.records.evidence import WindowEvidence, WindowTrial
from noriba.training.learning import learn
from noriba.training.splits import MIN_ROWS_PER_SLICE, start_of_instant
from noriba.training.windows import DAY_S, take_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from noriba.features import Column, Columns
    from noriba.training.hyperparameters import Hyperparameters
    from noriba.training.splits import TimeSplit
    from noriba.training.windows import Sample
    from noriba.usecase import UseCase

_FASTEST = 0.3
"""Learning rate beyond which a few trees are no picture of many."""
_CERTAIN = 2.0
"""Standard errors: a gain of fewer is taken for chance."""


@dataclass(frozen=True)
class Choice:
    """The rows to learn from, and what they were chosen by."""

    sample: Sample
    evidence: WindowEvidence


def choose_window(
    use_case: UseCase,
    settings: Hyperparameters,
    columns: Columns,
    split: TimeSplit,
    *,
    report: Callable[[str], None] = lambda _line: None,
) -> Choice:
    """The window with the least error on later rows; the first declared one unless another is clearly better.

    Where only one is declared, nothing is tried.

    Args:
        use_case: what is learned.
        settings: the windows, and how a model is fitted.
        columns: features and label, ordered by time, shape (n,) each.
        split: only `fit` is looked at.
        report: told of each trial, a line each.
    """
    first, judged, trials = settings.windows[0], slice(0, 0), list[WindowTrial]()
    chosen = first
    if len(settings.windows) > 1:
        judged = _find_judged(use_case, columns, split)
        trials = list(_try_windows(use_case, settings, columns, slice(split.fit.start, judged.start), judged))
        chosen = settings.windows[_pick(trials)]
    sample = take_window(chosen, use_case, columns, split.fit)
    if _count(sample.rows) < MIN_ROWS_PER_SLICE:
        chosen, sample = first, take_window(first, use_case, columns, split.fit)
    times_s = columns[use_case.data.event_time][sample.rows]
    evidence = WindowEvidence(
        window=chosen.name,
        rows=len(times_s),
        first_s=float(times_s[0]),
        last_s=float(times_s[-1]),
        trials=tuple(trials),
        judged_rows=_count(judged),
    )
    report(f"window: {evidence.summary}")
    return Choice(sample, evidence)


def _find_judged(use_case: UseCase, columns: Columns, split: TimeSplit) -> slice:
    times_s = columns[use_case.data.event_time]
    # No fewer than half remain to learn from.
    wanted = min(_count(split.calibration), _count(split.fit) // 2)
    return slice(start_of_instant(times_s, split.fit.stop - wanted), split.fit.stop)


def _try_windows(
    use_case: UseCase, settings: Hyperparameters, columns: Columns, past: slice, judged: slice
) -> Iterator[WindowTrial]:
    small, days = _shrink(settings), np.floor(columns[use_case.data.event_time][judged] / DAY_S)
    first: Column | None = None
    known: dict[int, Column] = {}
    for number, window in enumerate(settings.windows):
        sample = take_window(window, use_case, columns, past)
        rows = _count(sample.rows)
        if rows < MIN_ROWS_PER_SLICE:
            yield WindowTrial(window=window.name, rows=rows)
            continue
        # Without a change, "since the last change" are all rows: once is enough.
        errors = known.get(sample.rows.start) if sample.weights is None else None
        if errors is None:
            errors = _measure_errors(use_case, small, columns, sample, judged)
        if sample.weights is None:
            known[sample.rows.start] = errors
        if number == 0:
            first = errors
        better = first is None or _is_clearly_less(errors, first, days, margin=settings.window_margin)
        yield WindowTrial(window=window.name, rows=rows, mae=float(errors.mean()), clearly_better=better)


def _measure_errors(
    use_case: UseCase, small: Hyperparameters, columns: Columns, sample: Sample, judged: slice
) -> Column:
    """Absolute errors of a small model of the median, in the label's unit, shape (judged,)."""
    encoders, boosters = learn(use_case, small, columns, sample)
    rows = take_rows(columns, np.arange(judged.start, judged.stop))
    encoded = encoders.encode(rows)
    matrix = stack_columns({**rows, **encoded}, [*use_case.features.names, *encoded])
    errors: Column = np.abs(np.exp(boosters.load().predict(matrix)[:, 0]) - rows[use_case.data.label])
    return errors


def _is_clearly_less(errors: Column, first: Column, days: Column, *, margin: float) -> bool:
    """Whether errors are less than the first ones' by more than the margin, and by more than chance would make them.

    On the same rows, by their differences; the rows of a day resemble each other, so the error of the mean is taken
    from sums over days as well as from rows, and the larger one counts.
    """
    gain = first - errors
    around = gain - gain.mean()
    by_day = np.bincount(np.unique(days, return_inverse=True)[1], around)
    deviation = float(np.sqrt(max(np.sum(around**2), np.sum(by_day**2)))) / len(gain)
    return bool(gain.mean() > max(margin * first.mean(), _CERTAIN * deviation))


def _shrink(settings: Hyperparameters) -> Hyperparameters:
    """Few trees of the median alone, that learn as much faster as there are fewer of them, within reason."""
    trees = min(settings.trial_trees, settings.trees)
    rate = max(settings.learning_rate, min(_FASTEST, settings.learning_rate * settings.trees / trees))
    return settings.model_copy(update={"trees": trees, "learning_rate": rate, "quantiles": (settings.quantiles[1],)})


def _pick(trials: list[WindowTrial]) -> int:
    """The place of the least error among those that are clearly better than the first; 0 where there is none."""
    better = [(trial.mae, place) for place, trial in enumerate(trials) if trial.clearly_better and trial.mae]
    return min(better)[1] if better else 0


def _count(rows: slice) -> int:
    return int(rows.stop - rows.start)
