"""Who met which of two models, and what came of it: captures beside outcomes and metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.events import OutcomeObserved
from noriba.rollout.experiments import Groups, Measured, SplitCheck, check_split
from noriba.rollout.golden import check_plausible
from noriba.usecase import OWN_METRIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.events import MetricsObserved
    from noriba.records.captures import CapturedAnswer
    from noriba.usecase import Mask

Row: TypeAlias = "tuple[str, str | None]"


class Exposures:
    """Answers and what came of them, by prediction and candidate.

    Attributes:
        without_subject: answers to requests that named nobody; those were split by chance, and do not count.
    """

    def __init__(self) -> None:
        self.without_subject = 0
        # Group, and whether the challenger answered: of each prediction.
        self._met: dict[str, tuple[int, bool]] = {}
        self._answers: dict[Row, float] = {}
        # When it was observed, and what: the last word counts.
        self._said: dict[str, dict[Row, tuple[float, float]]] = defaultdict(dict)

    def add(self, answer: CapturedAnswer, *, by_challenger: bool) -> None:
        """Take in what one of the two answered; captured twice, it counts once.

        What is no prediction was never heard: the champion answered in its place, and was captured as well.
        """
        if next(check_plausible(answer.answer, rows=len(answer.candidate_ids)), None) is not None:
            return
        if answer.group is None:
            self.without_subject += 1
            return
        self._met[answer.prediction_id] = answer.group, by_challenger
        for candidate, value in zip(answer.candidate_ids, answer.answer.value, strict=True):
            self._answers[answer.prediction_id, candidate] = value

    def observe(self, events: Iterable[OutcomeObserved | MetricsObserved]) -> None:
        """Take in what happened, however often and in whatever order it is told."""
        for event in events:
            row, at_s = (event.prediction_id, event.candidate_id), event.observed_at.timestamp()
            values = {OWN_METRIC: event.value} if isinstance(event, OutcomeObserved) else event.metrics
            for name, value in values.items():
                said = self._said[name]
                if math.isfinite(value):
                    said[row] = max((at_s, value), said.get(row, (-math.inf, 0.0)))

    def measure(self, metric: str) -> Measured:
        """All that is known of a metric; the use case's own is how far an answer was from the outcome."""
        known = {row: said for row, said in self._said.get(metric, {}).items() if row in self._answers}
        values = [
            abs(self._answers[row] - value) if metric == OWN_METRIC else value for row, (_, value) in known.items()
        ]
        groups, challenger = self._list_sides(prediction for prediction, _candidate in known)
        times_s = np.array([at_s for at_s, _value in known.values()], dtype=np.float64)
        return Measured(np.array(values, dtype=np.float64), times_s, groups, challenger)

    def check_split(self, *, percent: int) -> SplitCheck:
        """Whether requests went where they should."""
        groups, challenger = self._list_sides(self._met)
        return check_split(groups, challenger, percent=percent)

    def _list_sides(self, predictions: Iterable[str]) -> tuple[Groups, Mask]:
        met = [self._met[prediction] for prediction in predictions]
        groups = np.array([group for group, _challenger in met], dtype=np.int64)
        return groups, np.array([challenger for _group, challenger in met], dtype=np.bool_)
