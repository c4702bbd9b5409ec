"""How right the models in service are: what they answered beside what really happened.

Outcomes come late, twice, out of order, about predictions that nobody finds, and now and then they contradict each
other. Each is counted; the last word about a prediction is the one observed last.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer


@dataclass(frozen=True)
class Accuracy:
    """One variant's answers, and how far they were from the truth, in the label's unit.

    Attributes:
        answered: rows that were answered.
        with_outcome: those whose outcome is known; the rest of the numbers are about these.
        mae: mean absolute error of the median; None where no outcome is known, like the other two.
        bias: mean of answer less outcome.
        coverage: the share of outcomes within the interval.
        claimed_coverage: what the model claims it to be.
    """

    answered: int
    with_outcome: int
    mae: float | None
    bias: float | None
    coverage: float | None
    claimed_coverage: float | None


@dataclass(frozen=True)
class Outcomes:
    """What is known of predictions, by prediction and candidate.

    Attributes:
        values: the last word about each.
        repeated: outcomes that said what another had said.
        contradicted: predictions whose outcomes differ.
    """

    values: Mapping[tuple[str, str | None], float]
    repeated: int
    contradicted: int


def gather_outcomes(events: Iterable[OutcomeObserved]) -> Outcomes:
    """One outcome for each prediction, whatever order they came in and however often."""
    said: dict[tuple[str, str | None], list[OutcomeObserved]] = defaultdict(list)
    for event in events:
        said[event.prediction_id, event.candidate_id].append(event)
    different = {key: {event.value for event in about} for key, about in said.items()}
    return Outcomes(
        # Of two that were observed at one moment the larger counts: any rule would do that does not ask who came first.
        values={key: max(about, key=lambda one: (one.observed_at, one.value)).value for key, about in said.items()},
        repeated=sum(len(about) - len(different[key]) for key, about in said.items()),
        contradicted=sum(len(values) > 1 for values in different.values()),
    )


def count_unknown(outcomes: Outcomes, answers: Iterable[CapturedAnswer]) -> int:
    """Outcomes of predictions that are not among these answers."""
    known = {(one.prediction_id, candidate) for one in answers for candidate in one.candidate_ids}
    return len(outcomes.values.keys() - known)


def measure_accuracy(answers: Iterable[CapturedAnswer], outcomes: Outcomes) -> Accuracy:
    """How right one variant's answers were; one that was captured twice counts once, one that is none not at all."""
    rows = {
        (one.prediction_id, candidate): (low, value, high, one.answer.claimed_coverage)
        for one in answers
        if one.is_whole
        for candidate, low, value, high in zip(
            one.candidate_ids, one.answer.low, one.answer.value, one.answer.high, strict=True
        )
    }
    known = [(*row, outcomes.values[key]) for key, row in rows.items() if key in outcomes.values]
    if not known:
        return Accuracy(len(rows), 0, None, None, None, None)
    low, value, high, claimed, outcome = np.array(known).T
    return Accuracy(
        answered=len(rows),
        with_outcome=len(known),
        mae=float(np.abs(value - outcome).mean()),
        bias=float((value - outcome).mean()),
        coverage=float(((low <= outcome) & (outcome <= high)).mean()),
        claimed_coverage=float(claimed.mean()),
    )
