"""The answer that a rollout waits for: is the challenger to go on, to go, or is it too early to say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.records.rollout import EXPERIMENT_ENDED, ChallengerVerdict
from noriba.rollout.confidence import FEWEST_PARTS
from noriba.rollout.decision import ComparisonResult, Verdict, compare_groups, compare_paired
from noriba.rollout.health import FEWEST_ASKED
from noriba.rollout.pairing import DIFFERENCE, Look, Tally

if TYPE_CHECKING:
    from noriba.records.rollout import RolloutPlan
    from noriba.rollout.confidence import Interval

REJECTED = "ChallengerRejectedError"
MOSTLY = 0.5
"""Of a canary's outcomes: where no more are of known subjects, these are no bound on the others, and are not asked."""


def judge(
    tally: Tally, plan: RolloutPlan, *, fault: str | None, at_last: bool, asked: int | None = None, unit: str = ""
) -> ChallengerVerdict:
    """Look at everything so far, and keep the look.

    In the shadow a clear answer ends the wait, either way. In the canary, which the shadow has allowed, nothing but a
    fault or a worse error does: its time must pass, for health shows with the load.

    Args:
        tally: what was counted; the look is added to it.
        plan: the rollout's.
        fault: what health says against the challenger, if anything.
        at_last: whether the stage's time is up, so that there must be an answer.
        asked: how many requests the challenger was given; a canary that was asked less than `FEWEST_ASKED` has shown
            nothing, and goes on.
        unit: the label's, for the reason.
    """
    comparison = _compare(tally, plan, unit)
    look = Look(outcomes=comparison.whole.n, **comparison.whole.to_json())
    tally.looks.append(look)

    def answer(decision: Verdict, reason: str) -> ChallengerVerdict:
        error = REJECTED if decision is Verdict.REJECT else None
        return ChallengerVerdict(decision=decision.value, error=error, reason=reason, **look.model_dump())

    objection = _find_objection(tally, comparison, fault)
    if objection is not None:
        return answer(Verdict.REJECT, objection)
    if plan.purpose == "experiment" and at_last:
        ended = {"decision": "reject", "error": EXPERIMENT_ENDED, "reason": "its time is up"}
        return ChallengerVerdict.model_validate({**ended, **look.model_dump()})
    if not tally.paired:
        if asked is not None and asked < FEWEST_ASKED:
            return answer(Verdict.CONTINUE, f"it was asked {asked} times; at least {FEWEST_ASKED} are needed")
        decision = Verdict.PROMOTE if at_last else Verdict.CONTINUE
        return answer(decision, f"nothing speaks against it; {comparison.reason}")
    verdict, reason = comparison.verdict, comparison.reason
    span_s = tally.find_span_s(DIFFERENCE)
    if verdict is Verdict.PROMOTE and span_s < plan.min_shadow_s:
        verdict = Verdict.CONTINUE
        reason = f"{reason}; but outcomes span {span_s / 3600:.1f} of {plan.min_shadow_s / 3600:.1f} hours"
    if verdict is Verdict.PROMOTE or not at_last:
        return answer(verdict, reason)
    return answer(_settle(plan, comparison.whole, span_s), f"its time is up without a clear answer: {reason}")


def _settle(plan: RolloutPlan, whole: Interval, span_s: float) -> Verdict:
    """What becomes of a challenger of which outcomes have not said enough in time."""
    if plan.when_inconclusive != "lower_error":
        return Verdict(plan.when_inconclusive)
    enough = whole.n >= plan.comparison.min_outcomes and span_s >= plan.min_shadow_s
    return Verdict.PROMOTE if enough and whole.estimate < 0 else Verdict.REJECT


def _find_objection(tally: Tally, comparison: ComparisonResult, fault: str | None) -> str | None:
    """What speaks against the challenger, in the order in which it is seen."""
    if tally.faulty:
        return f"{tally.faulty} of its answers are no predictions: {tally.fault}"
    if fault is not None:
        return fault
    return comparison.reason if comparison.verdict is Verdict.REJECT else None


def _compare(tally: Tally, plan: RolloutPlan, unit: str) -> ComparisonResult:
    slices = tally.list_slices()
    champion = tally.blocks("champion")
    if tally.paired:
        parts = {name: tally.blocks(DIFFERENCE, label=name) for name in slices}
        whole = tally.blocks(DIFFERENCE)
        return compare_paired(whole, parts, champion_mae=champion.mean, policy=plan.comparison, unit=unit)
    challenger = tally.blocks("challenger")
    # Each step of the canary is compared by itself; all of them together keep to alpha.
    policy = plan.comparison.model_copy(update={"alpha": plan.comparison.alpha / max(len(plan.canary), 1)})
    by_group = tally.blocks("challenger", people=True), tally.blocks("champion", people=True)
    of_people = sum(side.n for side in by_group) / max(challenger.n + champion.n, 1)
    if of_people > MOSTLY and min(len(side.starts_s) for side in by_group) >= FEWEST_PARTS:
        # Whoever stays with one model for long makes slices of people, not of rides; the whole knows how much they
        # differ, a slice does not.
        return compare_groups(challenger, champion, {}, policy=policy, unit=unit, people=by_group)
    groups = {name: (tally.blocks("challenger", label=name), tally.blocks("champion", label=name)) for name in slices}
    return compare_groups(challenger, champion, groups, policy=policy, unit=unit)
