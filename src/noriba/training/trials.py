"""Windows tried against each other: a small model learns from each, and is judged on the rows that come next.

Those are the rows of calibration, right after the ones to learn from, so that a trial sees the very rows that the model
will. Not the hold-out's: it has to say how good the model is, to the gates and to the approver, and a choice made on it
would flatter what was chosen. Calibration hardly minds: of two models, the better median on thousands of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import stack_columns, take_rows
from noriba.records.evidence import WindowEvidence, WindowTrial
from noriba.training.learning import learn
from noriba.training.splits import MIN_ROWS_PER_SLICE
from noriba.training.windows import DAY_S, take_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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

    Where only one is declared, or all take the same rows, nothing is tried.

    Args:
        use_case: what is learned.
        settings: the windows, and how a model is fitted.
        columns: features and label, ordered by time, shape (n,) each.
        split: the windows lie in `fit`, and are judged on `calibration`.
        report: told what came of it, a line.
    """
    samples = [take_window(window, use_case, columns, split.fit) for window in settings.windows]
    trials = list(_try_samples(use_case, settings, columns, samples, split.calibration)) if _differ(samples) else []
    chosen = _pick(trials)
    sample, times_s = samples[chosen], columns[use_case.data.event_time][samples[chosen].rows]
    evidence = WindowEvidence(
        window=settings.windows[chosen].name,
        rows=len(times_s),
        first_s=float(times_s[0]),
        last_s=float(times_s[-1]),
        trials=tuple(trials),
        judged_rows=_count(split.calibration) if trials else 0,
    )
    report(f"window: {evidence.summary}")
    return Choice(sample, evidence)


def _differ(samples: Sequence[Sample]) -> bool:
    if len(samples) == 1:
        return False
    return any(sample.weights is not None for sample in samples) or len({s.rows.start for s in samples}) > 1


def _try_samples(
    use_case: UseCase, settings: Hyperparameters, columns: Columns, samples: Sequence[Sample], judged: slice
) -> Iterator[WindowTrial]:
    small, days = _shrink(settings), np.floor(columns[use_case.data.event_time][judged] / DAY_S)
    first: Column | None = None
    known: dict[int, Column] = {}
    for number, (window, sample) in enumerate(zip(settings.windows, samples, strict=True)):
        if (rows := _count(sample.rows)) < MIN_ROWS_PER_SLICE:
            yield WindowTrial(window=window.name, rows=rows)
            continue
        # Without a change, "since the last change" are all rows: once is enough.
        errors = known.get(sample.rows.start) if sample.weights is None else None
        if errors is None:
            errors = measure_errors(use_case, small, columns, sample, judged)
        if sample.weights is None:
            known[sample.rows.start] = errors
        if number == 0:
            first = errors
        better = first is None or _is_clearly_less(errors, first, days, margin=settings.window_margin)
        yield WindowTrial(window=window.name, rows=rows, mae=float(errors.mean()), clearly_better=better)


def measure_errors(
    use_case: UseCase, settings: Hyperparameters, columns: Columns, sample: Sample, judged: slice
) -> Column:
    """Absolute errors, on other rows, of a model that learns from a sample, in the label's unit, shape (judged,).

    Args:
        use_case: what is learned.
        settings: of one quantile, the median.
        columns: features and label, ordered by time, shape (n,) each.
        sample: the rows to learn from.
        judged: the rows to answer.
    """
    encoders, boosters = learn(use_case, settings, columns, sample)
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


def _pick(trials: Sequence[WindowTrial]) -> int:
    """The place of the least error among those that are clearly better than the first; 0 where there is none."""
    better = [(trial.mae, place) for place, trial in enumerate(trials) if trial.clearly_better and trial.mae]
    return min(better)[1] if better else 0


def _count(rows: slice) -> int:
    return int(rows.stop - rows.start)
