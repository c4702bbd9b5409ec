"""Promote, reject or go on: what a rollout makes of the outcomes so far.

In the shadow both models are asked the very same requests, so every outcome gives a pair: how much farther from the
truth the challenger was than the champion. The reverse triangle inequality bounds it by the distance between the two
answers, | |y − a| − |y − b| | ≤ |a − b|, whatever the outcome was: a ride that took ten hours by mistake weighs no more
than a ride on which the models disagree as much. In the canary one of them is asked each request, and the errors of the
two groups are held against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

from noriba.rollout.confidence import Blocks, Interval, bound_difference, bound_mean, bound_people

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.usecase import ComparisonPolicy

SLICES_SHARE = 0.2
"""Of alpha: for all slices together. The rest is for the whole."""

_THREE_DIGITS = 100.0


class Verdict(StrEnum):
    """What is to be done with the challenger."""

    PROMOTE = "promote"
    REJECT = "reject"
    CONTINUE = "continue"


@dataclass(frozen=True)
class ComparisonResult:
    """What was decided, and on what evidence; intervals are of the difference, negative where the challenger is better.

    Attributes:
        verdict: what is to be done.
        reason: why, in words for people.
        whole: over all outcomes.
        slices: over those of a slice, where there were enough.
    """

    verdict: Verdict
    reason: str
    whole: Interval
    slices: Mapping[str, Interval]


def compare_paired(
    differences: Blocks, slices: Mapping[str, Blocks], *, champion_mae: float, policy: ComparisonPolicy, unit: str = ""
) -> ComparisonResult:
    """Decide on requests that both models answered.

    Args:
        differences: |challenger − outcome| − |champion − outcome|, in the label's unit.
        slices: the same by slice; each is looked at when it holds enough outcomes.
        champion_mae: the champion's mean absolute error on the same outcomes; margins are shares of it.
        policy: the use case's.
        unit: the label's, for the reason.
    """
    whole = bound_mean(differences, alpha=policy.alpha * (1 - SLICES_SHARE), tuned_for=policy.tuned_for)
    alpha = _share_alpha(policy, len(slices))
    bounds = {
        name: bound_mean(blocks, alpha=alpha, tuned_for=policy.tuned_for)
        for name, blocks in slices.items()
        if blocks.n >= policy.min_slice_outcomes
    }
    return _decide(whole, bounds, champion_mae, policy, f" {unit}" if unit else "")


def compare_groups(
    challenger: Blocks,
    champion: Blocks,
    slices: Mapping[str, tuple[Blocks, Blocks]],
    *,
    policy: ComparisonPolicy,
    unit: str = "",
    people: tuple[Blocks, Blocks] | None = None,
) -> ComparisonResult:
    """Decide on two groups of requests, each answered by one of the models.

    Args:
        challenger: absolute errors of the challenger's group, in the label's unit.
        champion: those of the champion's.
        slices: the same by slice: the challenger's, the champion's.
        policy: the use case's.
        unit: the label's, for the reason.
        people: errors of those whose subject is known, by groups of subjects instead of blocks of time: the
            challenger's, the champion's. The wider of the two bounds counts.
    """
    share, tuned_for = policy.alpha * (1 - SLICES_SHARE), policy.tuned_for
    whole = bound_difference(challenger, champion, alpha=share, tuned_for=tuned_for)
    if people is not None:
        whole = max(whole, bound_people(*people, alpha=share, tuned_for=tuned_for), key=lambda one: one.width)
    alpha = _share_alpha(policy, len(slices))
    bounds = {
        name: bound_difference(*pair, alpha=alpha, tuned_for=policy.tuned_for)
        for name, pair in slices.items()
        if min(blocks.n for blocks in pair) >= policy.min_slice_outcomes
    }
    return _decide(whole, bounds, champion.mean, policy, f" {unit}" if unit else "")


def _share_alpha(policy: ComparisonPolicy, slices: int) -> float:
    """Alpha of one slice's bounds. Both of them are drawn, and only the lower one decides: twice its share."""
    return 2 * policy.alpha * SLICES_SHARE / max(slices, 1)


def _decide(
    whole: Interval, slices: Mapping[str, Interval], champion_mae: float, policy: ComparisonPolicy, unit: str
) -> ComparisonResult:
    margin, slice_margin = policy.margin * champion_mae, policy.slice_margin * champion_mae
    worst = max(slices, key=lambda name: slices[name].lower, default=None)

    def conclude(verdict: Verdict, reason: str) -> ComparisonResult:
        return ComparisonResult(verdict, reason, whole, slices)

    if whole.n < policy.min_outcomes:
        return conclude(Verdict.CONTINUE, f"{whole.n} outcomes; at least {policy.min_outcomes} are needed")
    if not isfinite(whole.upper - whole.lower):
        return conclude(
            Verdict.CONTINUE,
            f"{whole.n} outcomes, but they span too few hours, or vary too little, to bound the difference",
        )
    # Who reads it need not know how large errors are.
    scale = f"the champion's is {_say(champion_mae)}{unit} on the whole"
    found = f"the challenger's error is {_say_how_much(whole, unit)}"
    if worst is not None and slices[worst].lower > slice_margin:
        return conclude(Verdict.REJECT, f"in {worst}, its error is {_say_how_much(slices[worst], unit)}; {scale}")
    if whole.upper < margin:
        return conclude(Verdict.PROMOTE, f"{found}, under the margin of {_say(margin)}{unit}; {scale}")
    # Certain to be worse; or, where it must be better by a margin, certain not to be.
    if whole.lower > min(0.0, margin):
        return conclude(Verdict.REJECT, f"{found}; {scale}")
    return conclude(Verdict.CONTINUE, f"{found}; the margin is {_say(margin)}{unit}; {scale}")


def _say_how_much(difference: Interval, unit: str) -> str:
    """Bounds in words: whoever reads a minus sign at night may read it wrong."""
    low, high = difference.lower, difference.upper
    if high <= 0:
        return f"smaller by {_say(-high)} to {_say(-low)}{unit}"
    if low >= 0:
        return f"larger by {_say(low)} to {_say(high)}{unit}"
    return f"between {_say(-low)} smaller and {_say(high)}{unit} larger"


def _say(number: float) -> str:
    """Three digits that count, and never a power of ten."""
    if number == 0.0 or not abs(number) < _THREE_DIGITS:
        return f"{number:,.0f}"
    return f"{number:.{2 - floor(log10(abs(number)))}f}".rstrip("0").rstrip(".")
