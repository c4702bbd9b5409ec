"""Does the model still do what it showed on its hold-out? Told of hours that were measured, with a policy's limits.

Each question has three answers, and the third is that there is not enough data. Errors are called grown only where the
lower bound of their mean is over the limit, so a quiet night or a few odd rides raise no alarm. Outcomes that an app
has made up are told apart by `ErrorThresholds`: all together they count for little or nothing, and are a question of
their own. Parts of the traffic are looked at together: the more there are, the surer each must be (Bonferroni).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.monitoring.blocks import FEWEST_BLOCKS, average_blocks
from noriba.monitoring.parts import list_answers, list_expected
from noriba.records.measurements import EVERYTHING, AnswerTally, add_tallies
from noriba.records.monitoring import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.records.evidence import Evidence
    from noriba.records.measurements import HourMeasurement
    from noriba.records.monitoring import Kind
    from noriba.usecase.policies import MonitoringPolicy

_TOLD_IMPLAUSIBLE = 0.01
"""The share of implausible outcomes that somebody must be told of, where it is sure to be larger than this."""
_TOLD_IMPOSSIBLE = 0.05
"""The same of impossible ones: of New York's trips, 3.6 % are too short, or end before they begin."""
_MOST_TIMES = 5.0
"""So many times as many are told of however few there are."""
_COUNTED_IMPLAUSIBLE = 0.0025
"""The share that counts in the mean error, each for the bound: errors of the hold-out have such a tail, too."""
_MOST_EXCEPTIONS = 0.5
"""What happens more often than not is no exception, and counts in full."""


def assess_accuracy(
    hours: Sequence[HourMeasurement],
    version: int,
    evidence: Evidence,
    policy: MonitoringPolicy,
    *,
    longer: Sequence[HourMeasurement] = (),
    was_changed: bool = False,
) -> Finding:
    """Whether errors have grown, over all or in a part of the traffic.

    Args:
        hours: those to look at, whose outcomes have come.
        version: whose answers.
        evidence: what it showed on its hold-out.
        policy: the limits.
        longer: hours of several days, these among them: a part that has four hours a day is looked at over more days.
        was_changed: whether the last look found errors grown. What has changed is over when the mean is under its limit
            again, and not when nobody can be sure any more; or the answer would go to and fro at the limit.
    """
    longer = longer or hours
    expected = list_expected(evidence, fewest=policy.min_outcomes)
    looked_at = {part: longer if part else _choose(hours, longer, version) for part in expected}
    found = {part: _list_tallies(some, version, part) for part, some in looked_at.items()}
    bound = policy.implausible_ratio * evidence.candidate.mae
    weighed = {part: _weigh(some, bound) for part, some in found.items()}
    errors = {part: (sums, rows) for part, (sums, rows) in weighed.items() if _is_enough(rows, policy)}
    if EVERYTHING not in errors:
        outcomes = _count_outcomes(_list_tallies(hours, version, EVERYTHING))
        return _too_few(
            "accuracy",
            f"{outcomes} outcomes {_name_hours(policy)}; {policy.min_outcomes} of {FEWEST_BLOCKS} hours are needed",
        )
    # Each part is a question, and whether answers lean to one side is one more.
    alpha = policy.alpha / (len(errors) + 1)
    worst = list(_find_lean(found[EVERYTHING], policy, alpha=alpha, was_changed=was_changed))
    for part, (sums, rows) in errors.items():
        error = average_blocks(sums, rows)
        limit = (policy.max_part_error_ratio if part else policy.max_error_ratio) * expected[part].mae
        if (error.mean if was_changed else error.lower(alpha)) > limit:
            ratio = error.mean / expected[part].mae
            where = part or "all of the traffic"
            text = f"{where}: the error is {error.mean:.4g}, {ratio:.2f} times the hold-out's"
            worst.append((part == EVERYTHING, ratio, text))
    if worst:
        # What holds for all of the traffic first, then its parts, the worst one first.
        texts = [text for _, _, text in sorted(worst, reverse=True)]
        return Finding(kind="accuracy", verdict="changed", reason="; ".join(texts))
    ratio = average_blocks(*errors[EVERYTHING]).mean / evidence.candidate.mae
    total = add_tallies(found[EVERYTHING])
    strange = total.with_outcome - total.plausible
    odd = f", {strange} of them implausible" if strange else ""
    reason = f"the error is {ratio:.2f} times the hold-out's, over {total.with_outcome} outcomes{odd}"
    return Finding(kind="accuracy", verdict="steady", reason=reason)


def _weigh(tallies: Sequence[AnswerTally], bound: float) -> tuple[list[float], list[float]]:
    """The sum of errors of each hour, and how many these are, implausible ones with the weight that they may have."""
    total = add_tallies(tallies)
    weight = 1.0
    if 0 < total.implausible <= _MOST_EXCEPTIONS * total.with_outcome:
        weight = min(1.0, _COUNTED_IMPLAUSIBLE * total.with_outcome / total.implausible)
    odd = [weight * one.implausible for one in tallies]
    return (
        [one.bounded + some * bound for one, some in zip(tallies, odd, strict=True)],
        [one.plausible + some for one, some in zip(tallies, odd, strict=True)],
    )


def _find_lean(
    tallies: Sequence[AnswerTally], policy: MonitoringPolicy, *, alpha: float, was_changed: bool
) -> Iterator[tuple[bool, float, str]]:
    """Whether more answers are too high than too low, or the other way round; of all, how much so, and in words.

    Of medians, half are. One outcome counts as much as another, and where few ask this is seen days before the error is
    sure to have grown: in an emptied city every ride is a little faster.
    """
    lean = average_blocks([one.lean for one in tallies], [one.plausible for one in tallies])
    # Two sides, each half of the risk.
    unsure = 0.0 if was_changed else lean.mean - lean.lower(alpha / 2)
    if abs(lean.mean) - unsure > policy.max_lean:
        share, word = (1 + abs(lean.mean)) / 2, "high" if lean.mean > 0 else "low"
        yield True, share, f"all of the traffic: {share:.1%} of the answers are too {word}; about half should be"


def assess_coverage(
    hours: Sequence[HourMeasurement],
    version: int,
    policy: MonitoringPolicy,
    *,
    longer: Sequence[HourMeasurement] = (),
    was_changed: bool = False,
) -> Finding:
    """Whether intervals hold what they claim; see `assess_accuracy`."""
    tallies = _list_tallies(_choose(hours, longer or hours, version), version, EVERYTHING)
    total, rows = add_tallies(tallies), [one.plausible for one in tallies]
    if not _is_enough(rows, policy):
        needed = f"{policy.min_outcomes} of {FEWEST_BLOCKS} hours are needed"
        return _too_few("coverage", f"{total.plausible} outcomes {_name_hours(policy)}; {needed}")
    covered = average_blocks([one.covered for one in tallies], rows)
    claimed = total.claimed / total.plausible
    reason = f"intervals hold {covered.mean:.1%} of the outcomes, and claim {claimed:.1%}"
    # Two sides, each half of the risk.
    least, most = covered.lower(policy.alpha / 2), covered.upper(policy.alpha / 2)
    if was_changed:
        least = most = covered.mean
    off = most < claimed - policy.max_coverage_gap or least > claimed + policy.max_coverage_gap
    return Finding(kind="coverage", verdict="changed" if off else "steady", reason=reason)


def assess_outcomes(
    ripe: Sequence[HourMeasurement], version: int, policy: MonitoringPolicy, *, was_changed: bool = False
) -> Finding:
    """Whether outcomes come, and whether they can be true; of hours whose outcomes should be there by now."""
    tallies = list_answers(ripe, version)
    total = add_tallies(tallies)
    if total.requests < policy.min_outcomes:
        return _too_few(
            "outcomes", f"{total.requests} requests {_name_hours(policy)}; at least {policy.min_outcomes} are needed"
        )
    # Of several candidates of a request one is taken, and an app may report of more: requests are told from rows.
    share = total.requests_with_outcome / total.requests
    if share < policy.min_outcome_share:
        reason = f"{share:.1%} of {total.requests} requests have an outcome, under {policy.min_outcome_share:.1%}"
        return Finding(kind="outcomes", verdict="changed", reason=reason)
    rows = [one.with_outcome for one in tallies]
    for counts, most, words in (
        ([one.implausible for one in tallies], _TOLD_IMPLAUSIBLE, "farther from their prediction than can be"),
        ([one.impossible for one in tallies], _TOLD_IMPOSSIBLE, "outside what the rules allow of the label"),
    ):
        odd = average_blocks(counts, rows)
        if odd.mean > _MOST_TIMES * most or (odd.mean if was_changed else odd.lower(policy.alpha)) > most:
            reason = f"{odd.mean:.1%} of the outcomes are {words}: an app reports nonsense"
            return Finding(kind="outcomes", verdict="changed", reason=reason)
    reason = f"{share:.1%} of {total.requests} requests have an outcome"
    return Finding(kind="outcomes", verdict="steady", reason=reason)


def _choose(
    hours: Sequence[HourMeasurement], longer: Sequence[HourMeasurement], version: int
) -> Sequence[HourMeasurement]:
    """These hours; more of them where too few had outcomes, as in a business of ten hours a day."""
    return hours if len(_list_tallies(hours, version, EVERYTHING)) >= FEWEST_BLOCKS else longer


def _list_tallies(hours: Sequence[HourMeasurement], version: int, part: str) -> list[AnswerTally]:
    """Of hours with outcomes alone."""
    return [tally for tally in list_answers(hours, version, part) if tally.with_outcome]


def _is_enough(rows: Sequence[float], policy: MonitoringPolicy) -> bool:
    """Whether so many outcomes of hours say anything."""
    return sum(some > 0 for some in rows) >= FEWEST_BLOCKS and sum(rows) >= policy.min_outcomes


def _count_outcomes(tallies: Sequence[AnswerTally]) -> int:
    return sum(tally.with_outcome for tally in tallies)


def _name_hours(policy: MonitoringPolicy) -> str:
    """Which hours count: in younger ones, outcomes may still come."""
    return f"of hours that ended {policy.truth_hours} h ago or earlier" if policy.truth_hours else "of whole hours"


def _too_few(kind: Kind, what: str) -> Finding:
    return Finding(kind=kind, verdict="unknown", reason=f"not enough data: {what}")
