"""Who met which of two models, and what came of it: captures beside outcomes and metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from noriba.events import CLOCK_SKEW, MOST_OUTCOME, OutcomeObserved
from noriba.records.plausibility import find_answer_fault
from noriba.rollout.assignment import GROUPS, belongs_to_challenger
from noriba.rollout.experiments import Measured, SplitCheck, check_split
from noriba.usecase import OWN_METRIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from noriba.events import MetricsObserved
    from noriba.records.captures import CapturedAnswer
    from noriba.usecase import BusinessMetric

AnswerKey: TypeAlias = "tuple[str, str | None]"


class Exposures:
    """Answers and what came of them, by prediction and candidate.

    Args:
        percent: of the groups, given to the challenger.
        metrics: that the use case declares; others, and values that these cannot have, are left out.
        now: what is said to have been observed later is left out.
    """

    def __init__(self, *, percent: int, metrics: Iterable[BusinessMetric], now: datetime) -> None:
        self._percent, self._latest_s = percent, (now + CLOCK_SKEW).timestamp()
        self._metrics = {metric.name: metric for metric in metrics}
        # Group, whether the challenger answered, and when: of each prediction.
        self._met: dict[str, tuple[int, bool, float]] = {}
        self._answers: dict[AnswerKey, float] = {}
        # When it was observed, and what: the last word counts.
        self._said: dict[str, dict[AnswerKey, tuple[float, float]]] = defaultdict(dict)
        self._without_subject: list[datetime] = []
        self._began: datetime | None = None

    @property
    def without_subject(self) -> int:
        """Answers to requests that named nobody, since the first one that did; split by chance, they do not count."""
        return sum(self._began is not None and at >= self._began for at in self._without_subject)

    def add(self, answer: CapturedAnswer, *, by_challenger: bool) -> None:
        """Take in what one of the two answered; captured twice, it counts once.

        What is no prediction was never heard: the champion answered in its place, and was captured as well.
        """
        if find_answer_fault(answer.answer, rows=len(answer.candidate_ids)) is not None:
            return
        # Whoever may write captures may have made a group up.
        if answer.group is None or not 0 <= answer.group < GROUPS:
            self._without_subject.append(answer.at)
            return
        self._began = min(answer.at, self._began or answer.at)
        self._met[answer.prediction_id] = answer.group, by_challenger, answer.at.timestamp()
        for candidate, value in zip(answer.candidate_ids, answer.answer.value, strict=True):
            self._answers[answer.prediction_id, candidate] = value

    def observe(self, events: Iterable[OutcomeObserved | MetricsObserved]) -> None:
        """Take in what happened, however often and in whatever order it is told.

        The API refuses what cannot be; somebody else may have put it on the bus.
        """
        for event in events:
            row, at_s = (event.prediction_id, event.candidate_id), event.observed_at.timestamp()
            for name, value in self._list_values(event):
                said = self._said[name]
                if at_s <= self._latest_s:
                    said[row] = max((at_s, value), said.get(row, (-math.inf, 0.0)))

    def _list_values(self, event: OutcomeObserved | MetricsObserved) -> Iterator[tuple[str, float]]:
        """What can be, of what was said."""
        if isinstance(event, OutcomeObserved):
            if abs(event.value) < MOST_OUTCOME:
                yield OWN_METRIC, event.value
            return
        for name, value in event.metrics.items():
            if name in self._metrics and self._metrics[name].allows(value):
                yield name, value

    def measure(self, metric: str) -> Measured:
        """All that is known of a metric; the use case's own is how far an answer was from the outcome.

        By the time when the server was asked: when something was observed, is an app's word.
        """
        rows = [row for row in self._said.get(metric, {}) if row in self._answers]
        known = sorted(rows, key=lambda row: self._met[row[0]][2])
        values = [self._said[metric][row][1] for row in known]
        if metric == OWN_METRIC:
            values = [abs(self._answers[row] - value) for row, value in zip(known, values, strict=True)]
        groups = np.array([self._met[prediction][0] for prediction, _candidate in known], dtype=np.int64)
        return Measured(
            values=np.array(values, dtype=np.float64),
            times_s=np.array([self._met[prediction][2] for prediction, _candidate in known], dtype=np.float64),
            groups=groups,
            challenger=np.array(
                [belongs_to_challenger(int(group), percent=self._percent) for group in groups], dtype=np.bool_
            ),
        )

    def check_split(self) -> SplitCheck:
        """Whether requests were answered by whom they were given to."""
        groups = np.array([group for group, *_ in self._met.values()], dtype=np.int64)
        challenger = np.array([challenger for _group, challenger, _at_s in self._met.values()], dtype=np.bool_)
        return check_split(groups, challenger, percent=self._percent)
