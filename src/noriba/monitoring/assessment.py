"""Does the model still do what it showed on its hold-out? Told of hours that were measured, with a policy's limits.

Each question has three answers, and the third is that there is not enough data. Errors are called grown only where the
lower bound of their mean is over the limit, so a quiet night or a few odd rides raise no alarm; a lie that an app
reports counts for no more than the bound of `Scale`. Parts of the traffic are looked at together: the more there are,
the surer each must be (Bonferroni).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.monitoring.blocks import FEWEST_BLOCKS, average_blocks
from noriba.records.measurements import EVERYTHING, Tally, add_tallies
from noriba.records.monitoring import Finding, PartNumbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.records.evidence import Evidence, Metrics
    from noriba.records.measurements import HourMeasurement
    from noriba.usecase.policies import MonitoringPolicy

_P90 = 0.9
_MOST_IMPLAUSIBLE = 0.05
"""The share of outcomes so far from any prediction that somebody must be told."""


def assess_accuracy(
    hours: Sequence[HourMeasurement], version: int, evidence: Evidence, policy: MonitoringPolicy
) -> Finding:
    """Whether errors have grown, over all or in a part of the traffic."""
    expected = _list_expected(evidence)
    watched = {
        part: one for part, one in expected.items() if _count_outcomes(hours, version, part) >= policy.min_outcomes
    }
    if EVERYTHING not in watched:
        outcomes = _count_outcomes(hours, version, EVERYTHING)
        return _too_few("accuracy", f"{outcomes} outcomes; at least {policy.min_outcomes} are needed")
    if len(_list_tallies(hours, version, EVERYTHING)) < FEWEST_BLOCKS:
        return _too_few("accuracy", f"outcomes of fewer than {FEWEST_BLOCKS} hours")
    worst: list[tuple[float, str]] = []
    for part, known in watched.items():
        tallies = _list_tallies(hours, version, part)
        error = average_blocks([one.bounded for one in tallies], [one.with_outcome for one in tallies])
        limit = policy.max_error_ratio if part == EVERYTHING else policy.max_part_error_ratio
        if error.lower(policy.alpha / len(watched)) > limit * known.mae:
            ratio = error.mean / known.mae
            where = part or "all of the traffic"
            worst.append((ratio, f"{where}: the error is {error.mean:.4g}, {ratio:.2f} times the hold-out's"))
    if worst:
        return Finding(kind="accuracy", verdict="changed", reason="; ".join(text for _, text in sorted(worst)[::-1]))
    total = add_tallies(_list_tallies(hours, version, EVERYTHING))
    ratio = total.abs_error / total.with_outcome / evidence.candidate.mae
    reason = f"the error is {ratio:.2f} times the hold-out's, over {total.with_outcome} outcomes"
    return Finding(kind="accuracy", verdict="steady", reason=reason)


def assess_coverage(hours: Sequence[HourMeasurement], version: int, policy: MonitoringPolicy) -> Finding:
    """Whether intervals hold what they claim."""
    tallies = _list_tallies(hours, version, EVERYTHING)
    total = add_tallies(tallies)
    if total.with_outcome < policy.min_outcomes:
        return _too_few("coverage", f"{total.with_outcome} outcomes; at least {policy.min_outcomes} are needed")
    if len(tallies) < FEWEST_BLOCKS:
        return _too_few("coverage", f"outcomes of fewer than {FEWEST_BLOCKS} hours")
    covered = average_blocks([one.covered for one in tallies], [one.with_outcome for one in tallies])
    claimed = total.claimed / total.with_outcome
    reason = f"intervals hold {covered.mean:.1%} of the outcomes, and claim {claimed:.1%}"
    # Two sides, each half of the risk.
    too_few = covered.upper(policy.alpha / 2) < claimed - policy.max_coverage_gap
    too_many = covered.lower(policy.alpha / 2) > claimed + policy.max_coverage_gap
    return Finding(kind="coverage", verdict="changed" if too_few or too_many else "steady", reason=reason)


def assess_outcomes(ripe: Sequence[HourMeasurement], version: int, policy: MonitoringPolicy) -> Finding:
    """Whether outcomes come, and whether they can be true; of hours whose outcomes should be there by now."""
    total = add_tallies(_list_answers(ripe, version))
    if total.answered < policy.min_outcomes:
        return _too_few("outcomes", f"{total.answered} answers; at least {policy.min_outcomes} are needed")
    share = total.with_outcome / total.answered
    if share < policy.min_outcome_share:
        reason = f"{share:.1%} of {total.answered} answers have an outcome, under {policy.min_outcome_share:.1%}"
        return Finding(kind="outcomes", verdict="changed", reason=reason)
    odd = total.implausible / max(total.with_outcome, 1)
    if odd > _MOST_IMPLAUSIBLE:
        reason = f"{odd:.1%} of the outcomes are farther from their prediction than can be; some app reports nonsense"
        return Finding(kind="outcomes", verdict="changed", reason=reason)
    return Finding(kind="outcomes", verdict="steady", reason=f"{share:.1%} of {total.answered} answers have an outcome")


def number_parts(hours: Sequence[HourMeasurement], version: int, evidence: Evidence) -> list[PartNumbers]:
    """All of the traffic, then its parts, in numbers."""
    expected = _list_expected(evidence)
    parts = {part for hour in hours for part in hour.versions.get(version, {})} | {EVERYTHING}
    return [
        _number_part(part, add_tallies(_list_answers(hours, version, part)), expected.get(part))
        for part in sorted(parts)
    ]


def _number_part(part: str, total: Tally, expected: Metrics | None) -> PartNumbers:
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
        coverage=known and total.covered / known,
        claimed_coverage=known and total.claimed / known,
        mean_width=width,
        estimated_mae=estimated,
    )


def find_quantile(sizes: dict[int, int], share: float) -> float | None:
    """The error that a share of all are smaller than, from how many there are of each size; None of none.

    Args:
        sizes: as in `Tally`.
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


def _list_expected(evidence: Evidence) -> dict[str, Metrics]:
    """What the hold-out showed, by part."""
    return {EVERYTHING: evidence.candidate, **{f"{one.name}: {one.value}": one.candidate for one in evidence.slices}}


def _list_answers(hours: Sequence[HourMeasurement], version: int, part: str = EVERYTHING) -> list[Tally]:
    return [tally for hour in hours if (tally := hour.versions.get(version, {}).get(part)) is not None]


def _list_tallies(hours: Sequence[HourMeasurement], version: int, part: str) -> list[Tally]:
    """Of hours with outcomes alone."""
    return [tally for tally in _list_answers(hours, version, part) if tally.with_outcome]


def _count_outcomes(hours: Sequence[HourMeasurement], version: int, part: str) -> int:
    return sum(tally.with_outcome for tally in _list_tallies(hours, version, part))


def _too_few(kind: str, what: str) -> Finding:
    return Finding.model_validate({"kind": kind, "verdict": "unknown", "reason": f"not enough data: {what}"})
