"""Approving a model and following its rollout, this one and not one before it; and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.client.beginning import begin_rollout, look_before, name_asker
from noriba.client.models import find_approved
from noriba.client.production import find_serving
from noriba.client.progress import NO_PROGRESS
from noriba.client.rollout_history import (
    NoRolloutError,
    UnderWayError,
    find_promotion,
    iterate_rollouts,
    leave_out_abandoned,
)
from noriba.client.session import name_caller
from noriba.client.waiting import ROLLOUT_LIMIT_S, StepFailedError, wait_until
from noriba.records.approvals import APPROVED

if TYPE_CHECKING:
    from noriba.aws.executions import Execution
    from noriba.aws.registry import ModelPackage
    from noriba.client.beginning import BegunRollout
    from noriba.client.progress import Progress
    from noriba.client.session import Session


def approve_model(session: Session, package: ModelPackage, *, note: str) -> BegunRollout:
    """Approve as the approver; the rollout begins by itself.

    The registry would know no more than the approver's role: who took it stands in the note.

    Raises:
        UnderWayError: its rollout is under way already; to begin anew would lose the outcomes of this one.
    """
    if (newest := find_promotion(session)) is not None and newest.version == package.version:
        raise UnderWayError(
            f"version {package.version} is being rolled out already, and nothing was changed: noriba rollout status"
        )
    begun = look_before(session, package)
    session.as_approver().approve(package.arn, note=f"{note}, by {name_caller(session, 'registry')}")
    return begun


def describe_approval(begun: BegunRollout) -> str:
    """What an approval means for production, and for an experiment that runs."""
    if begun.tried is None:
        return _describe_turn(begun)
    return f"{_describe_turn(begun)}; the experiment with version {begun.tried} ends for it"


def roll_back(session: Session, *, version: int | None, reason: str) -> BegunRollout:
    """Begin to go back: to the champion before this one, or to a version that was in production.

    No new approval is needed; who asked, and why, stands in the rollout's input.

    Raises:
        NoRolloutError: there is none to go back to, or it was never in production.
        NoSuchModelError: there is no such version.
        NotApprovedError: it is not approved any more.
    """
    package = _find_earlier(session, version)
    begun = look_before(session, package)
    return begin_rollout(session, begun, rollback=name_asker(session, reason))


def wait_for_rollout(
    session: Session, begun: BegunRollout, *, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> None:
    """Wait until a rollout that was begun has ended, and its package is the champion.

    Raises:
        StepFailedError: the rollout failed, did not begin or took too long; production answers as before.
    """
    _follow(session, begun, limit_s=limit_s, progress=progress, until_compared=False)


def follow_rollout(
    session: Session, begun: BegunRollout, *, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> bool:
    """Wait until there is nothing to do but to wait for outcomes, which may take days.

    Returns:
        Whether the package is the champion; False while it is compared with the one that is.

    Raises:
        StepFailedError: see `wait_for_rollout`.
    """
    return _follow(session, begun, limit_s=limit_s, progress=progress, until_compared=True)


def _describe_turn(begun: BegunRollout) -> str:
    version = begun.package.version
    if begun.serving is None:
        return f"version {version} approved; it will be the first in production"
    if begun.serving == version:
        return f"version {version} approved again; it is in production already, and is rolled out once more"
    if begun.serving > version:
        return f"version {version} approved; production goes back to it from version {begun.serving}"
    return f"version {version} approved; it is to take the place of version {begun.serving}"


def _follow(session: Session, begun: BegunRollout, *, limit_s: float, progress: Progress, until_compared: bool) -> bool:
    history = session.history("rollout")
    known: Execution | None = None

    def look() -> Execution | None:
        nonlocal known
        if known is not None:
            known = history.look_up(known.arn)
        elif begun.execution is not None:
            known = history.look_up(begun.execution)
        else:
            known = history.find_after(begun.last_rollout, begun.package.arn)
        if known is not None and known.failed:
            raise StepFailedError(f"the rollout failed: {': '.join(known.read_failure())}")
        progress.update(f"rollout: {'not started' if known is None else _say_where(session, known)}")
        if known is None:
            return None
        return known if known.status == "SUCCEEDED" or (until_compared and _is_compared(session, known)) else None

    found = wait_until(look, f"the rollout of version {begun.package.version}", limit_s=limit_s)
    if found.status != "SUCCEEDED":
        return False
    champion = session.ledger.read_champion()
    if champion is None or champion.model_package_arn != begun.package.arn:
        raise StepFailedError("the approval was withdrawn, or another version was rolled out after this one")
    return True


def _is_compared(session: Session, execution: Execution) -> bool:
    """Whether it waits for a verdict."""
    lock = session.ledger.read_rollout()
    return lock is not None and lock.execution == execution.arn and lock.awaited is not None


def _say_where(session: Session, execution: Execution) -> str:
    """The stage that a rollout is in, and what was said last."""
    steps = session.ledger.list_steps(execution.arn)
    return execution.status.lower() if not steps else steps[-1].describe()


def _find_earlier(session: Session, version: int | None) -> ModelPackage:
    """The package of a version; of the champion before this one when None."""
    serving = find_serving(session)
    # One look at Step Functions for each: mostly the second or third is the one.
    served = (rollout for rollout in iterate_rollouts(session) if rollout.reached_production)
    if version is not None:
        package = find_approved(session, version)
        if version == serving or any(rollout.version == version for rollout in served):
            return package
        raise NoRolloutError(
            f"version {version} was not in production within the last 90 days, so nothing shows that it may be; "
            f"to have it compared with the champion first: noriba approve {version}"
        )
    packages = {package.version: package for package in session.registry.list_packages()}
    for earlier in leave_out_abandoned(served):
        found = packages.get(earlier)
        if earlier != serving and found is not None and found.status == APPROVED:
            return found
    raise NoRolloutError("no earlier version was in production that is still approved; approve one: noriba models")
