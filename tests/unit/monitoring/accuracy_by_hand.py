"""The rules of accuracy, one row after the other: what the SQL must come to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from noriba.monitoring.accuracy import OutcomeTroubles, VariantAccuracy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noriba.events import OutcomeObserved
    from noriba.records.captures import CapturedAnswer

Key = tuple[str, str | None]


def measure(version: int, answers: Iterable[CapturedAnswer], truth: dict[Key, float]) -> VariantAccuracy:
    """One version's answers beside what is known."""
    said: dict[Key, list[tuple[object, ...]]] = defaultdict(list)
    for one in answers:
        if not one.is_whole:
            continue
        columns = (one.answer.value, one.answer.low, one.answer.high)
        for candidate, *row in zip(one.candidate_ids, *columns, strict=True):
            said[one.prediction_id, candidate].append((one.at, *row, one.answer.claimed_coverage))
    rows = {key: max(several) for key, several in said.items()}
    known = [(*row[1:], truth[key]) for key, row in rows.items() if key in truth]
    if not known:
        return VariantAccuracy(
            model_version=version,
            answered=len(rows),
            with_outcome=0,
            mae=None,
            bias=None,
            coverage=None,
            claimed_coverage=None,
        )
    value, low, high, claimed, outcome = np.array(known, dtype=float).T
    return VariantAccuracy(
        model_version=version,
        answered=len(rows),
        with_outcome=len(known),
        mae=np.abs(value - outcome).mean(),
        bias=(value - outcome).mean(),
        coverage=((low <= outcome) & (outcome <= high)).mean(),
        claimed_coverage=claimed.mean(),
    )


def gather(events: Iterable[OutcomeObserved]) -> tuple[dict[Key, float], int, int]:
    """The last word about each prediction, how many outcomes were repeated, how many predictions contradicted."""
    said: dict[Key, list[OutcomeObserved]] = defaultdict(list)
    for event in events:
        said[event.prediction_id, event.candidate_id].append(event)
    different = {key: {event.value for event in about} for key, about in said.items()}
    last = {key: max((one.observed_at, one.value) for one in about)[1] for key, about in said.items()}
    repeated = sum(len(about) - len(different[key]) for key, about in said.items())
    return last, repeated, sum(len(values) > 1 for values in different.values())


def judge(
    answers: Iterable[tuple[str, CapturedAnswer]], events: Iterable[OutcomeObserved], *, unreadable: int = 0
) -> tuple[list[VariantAccuracy], OutcomeTroubles]:
    """Everything that the two statements say."""
    truth, repeated, contradicted = gather(events)
    by_version: dict[int, list[CapturedAnswer]] = defaultdict(list)
    for variant, answer in answers:
        by_version[int(variant[1:])].append(answer)
    captured = {(one.prediction_id, name) for some in by_version.values() for one in some for name in one.candidate_ids}
    troubles = OutcomeTroubles(
        unknown=len(truth.keys() - captured), repeated=repeated, contradicted=contradicted, unreadable=unreadable
    )
    measured = [measure(version, some, truth) for version, some in sorted(by_version.items())]
    return [one for one in measured if one.answered], troubles
