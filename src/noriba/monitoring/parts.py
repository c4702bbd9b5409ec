"""A model's answers in numbers, over all of the traffic and of each part of it, beside what the hold-out showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.records.measurements import EVERYTHING, AnswerTally, add_tallies
from noriba.records.monitoring import PartNumbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.records.evidence import Evidence, Metrics
    from noriba.records.measurements import HourMeasurement

_P90 = 0.9


def measure_parts(hours: Sequence[HourMeasurement], version: int, evidence: Evidence) -> list[PartNumbers]:
    """All of the traffic, then its parts, in numbers."""
    expected = list_expected(evidence)
    parts = {part for hour in hours for part in hour.versions.get(version, {})} | {EVERYTHING}
    return [
        _measure_part(part, add_tallies(list_answers(hours, version, part)), expected.get(part))
        for part in sorted(parts)
    ]


def _measure_part(part: str, total: AnswerTally, expected: Metrics | None) -> PartNumbers:
    known = total.with_outcome or None
    width = total.width / total.answered if total.answered else 0.0
    estimated = None
    if expected is not None and expected.mean_width:
        estimated = expected.mae * width / expected.mean_width
    return PartNumbers(
        part=part,
        answered=total.answered,
        with_outcome=total.with_outcome,
        mae=known and total.abs_error / known,
        expected_mae=expected and expected.mae,
        bias=known and total.error / known,
        p90=find_quantile(total.sizes, _P90),
        close=known and total.close / known,
        coverage=total.covered / total.plausible if total.plausible else None,
        claimed_coverage=total.claimed / total.plausible if total.plausible else None,
        mean_width=width,
        estimated_mae=estimated,
    )


def find_quantile(sizes: dict[int, int], share: float) -> float | None:
    """The error that a share of all are smaller than, from how many there are of each size; None of none.

    Args:
        sizes: as in `AnswerTally`.
        share: between 0 and 1.

    Returns:
        The upper end of the size that it falls into: at most an eighth of a doubling, 9 %, too large.
    """
    wanted, seen = share * sum(sizes.values()), 0
    for size, count in sorted(sizes.items()):
        seen += count
        if seen >= wanted:
            return float(2 ** ((size + 1) / 8))
    return None


def list_expected(evidence: Evidence, *, fewest: int = 1) -> dict[str, Metrics]:
    """What the hold-out showed, by part; a part of few rows is left out, for its error says little of it."""
    parts = {f"{one.name}: {one.value}": one.candidate for one in evidence.slices if one.candidate.rows >= fewest}
    return {EVERYTHING: evidence.candidate, **parts}


def list_answers(hours: Sequence[HourMeasurement], version: int, part: str = EVERYTHING) -> list[AnswerTally]:
    """A version's sums by hour, of hours in which it answered."""
    return [tally for hour in hours if (tally := hour.versions.get(version, {}).get(part)) is not None]
