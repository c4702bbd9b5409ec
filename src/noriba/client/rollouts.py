"""Approving a model and following its rollout, this one and not one before it; and going back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noriba.aws.endpoints import describe_endpoint
from noriba.client.models import find_approved
from noriba.client.progress import NO_PROGRESS
from noriba.client.rollout_history import (
    UnderWayError,
    describe_rollout,
    find_promotion,
    find_running,
    iterate_rollouts,
    leave_out_abandoned,
)
from noriba.client.waiting import ROLLOUT_LIMIT_S, StepFailedError, wait_until
from noriba.errors import NoribaError
from noriba.records.names import name_endpoint, read_package_version

if TYPE_CHECKING:
    from noriba.aws.executions import Execution
    from noriba.aws.registry import ModelPackage
    from noriba.client.progress import Progress
    from noriba.client.session import Session


class NoRolloutError(NoribaError):
    """There is no rollout to stop, or no version to go back to."""


@dataclass(frozen=True)
class Approval:
    """An approval, and what was known before it.

    Attributes:
        package: what was approved.
        last_rollout: the newest execution before the approval; None when there was none.
        serving: the version that answered in production then; None when none did.
        tried: the version that an experiment tried then, which ends for this rollout; None when none ran.
        execution: of the rollout, where it was begun by hand.
    """

    package: ModelPackage
    last_rollout: str | None
    serving: int | None
    tried: int | None = None
    execution: str | None = None

    def describe(self) -> str:
        """What it means for production, and for an experiment that runs."""
        if self.tried is None:
            return self._describe_turn()
        return f"{self._describe_turn()}; the experiment with version {self.tried} ends for it"

    def _describe_turn(self) -> str:
        version = self.package.version
        if self.serving is None:
            return f"version {version} approved; it will be the first in production"
        if self.serving == version:
            return f"version {version} approved again; it is in production already, and is rolled out once more"
        if self.serving > version:
            return f"version {version} approved; production goes back to it from version {self.serving}"
        return f"version {version} approved; it is to take the place of version {self.serving}"


def approve_model(session: Session, package: ModelPackage, *, note: str) -> Approval:
    """Approve as the approver; the rollout begins by itself.

    The registry would know no more than the approver's role: who took it stands in the note.

    Raises:
        UnderWayError: its rollout is under way already; to begin anew would lose the outcomes of this one.
    """
    if (newest := find_promotion(session)) is not None and newest.version == package.version:
        raise UnderWayError(
            f"version {package.version} is being rolled out already, and nothing was changed: noriba rollout status"
        )
    approval = look_before(session, package)
    session.as_approver().approve(package.arn, note=f"{note}, by {name_asker(session, note)['by']}")
    return approval


def roll_back(session: Session, *, version: int | None, reason: str) -> Approval:
    """Begin to go back: to the champion before this one, or to a version that was in production.

    No new approval is needed; who asked, and why, stands in the rollout's input.

    Raises:
        NoRolloutError: there is none to go back to, or it was never in production.
        NoSuchModelError: there is no such version.
        NotApprovedError: it is not approved any more.
    """
    package = _find_earlier(session, version)
    approval = look_before(session, package)
    return begin_rollout(session, approval, rollback=name_asker(session, reason))


def begin_rollout(session: Session, approval: Approval, **more: object) -> Approval:
    """Begin a rollout that no approval begins; who asked for it, and what for, is in its input.

    Returns:
        The same, which now knows its execution.
    """
    package = approval.package
    given = {
        "use_case": session.use_case_name,
        "endpoint_name": name_endpoint(session.use_case_name, prefix=session.prefix),
        "model_package_arn": package.arn,
        "version": package.version,
        **more,
    }
    execution = session.history(session.deployment.rollout_machine_arn).start(json.dumps(given))
    return replace(approval, execution=execution)


def name_asker(session: Session, reason: str) -> dict[str, str]:
    """Who asks, and why, for the record."""
    return {"by": session.clients.sts.get_caller_identity()["Arn"], "reason": reason}


def wait_for_rollout(
    session: Session, approval: Approval, *, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> None:
    """Wait until the rollout that an approval began has ended, and its package is the champion.

    Raises:
        StepFailedError: the rollout failed, did not begin or took too long; production answers as before.
    """
    _follow(session, approval, limit_s=limit_s, progress=progress, until_compared=False)


def follow_rollout(
    session: Session, approval: Approval, *, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> bool:
    """Wait until there is nothing to do but to wait for outcomes, which may take days.

    Returns:
        Whether the package is the champion; False while it is compared with the one that is.

    Raises:
        StepFailedError: see `wait_for_rollout`.
    """
    return _follow(session, approval, limit_s=limit_s, progress=progress, until_compared=True)


def _follow(session: Session, approval: Approval, *, limit_s: float, progress: Progress, until_compared: bool) -> bool:
    history = session.history(session.deployment.rollout_machine_arn)
    known: Execution | None = None

    def look() -> Execution | None:
        nonlocal known
        if known is not None:
            known = history.look_up(known.arn)
        elif approval.execution is not None:
            known = history.look_up(approval.execution)
        else:
            known = history.find_after(approval.last_rollout, approval.package.arn)
        if known is not None and known.failed:
            raise StepFailedError(f"the rollout failed: {': '.join(known.read_failure())}")
        progress.update(f"rollout: {'not started' if known is None else _say_where(session, known)}")
        if known is None:
            return None
        return known if known.status == "SUCCEEDED" or (until_compared and _is_compared(session, known)) else None

    found = wait_until(look, f"the rollout of version {approval.package.version}", limit_s=limit_s)
    if found.status != "SUCCEEDED":
        return False
    champion = session.ledger.read_champion()
    if champion is None or champion.model_package_arn != approval.package.arn:
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


def look_before(session: Session, package: ModelPackage) -> Approval:
    """What is known before a rollout of a package begins, so that it can be followed."""
    last = session.history(session.deployment.rollout_machine_arn).find_newest()
    return Approval(package, None if last is None else last.arn, _find_serving(session), _find_tried(session))


def _find_earlier(session: Session, version: int | None) -> ModelPackage:
    """The package of a version; of the champion before this one when None."""
    serving = _find_serving(session)
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
        if earlier != serving and found is not None and found.status == "Approved":
            return found
    raise NoRolloutError("no earlier version was in production that is still approved; approve one: noriba models")


def _find_serving(session: Session) -> int | None:
    """The champion's version; None when there is none."""
    champion = session.ledger.read_champion()
    return None if champion is None else read_package_version(champion.model_package_arn)


def _find_tried(session: Session) -> int | None:
    """The version that an experiment under way tries; whatever else is rolled out takes its place."""
    running = find_running(session)
    if running is None or not running[0].is_experiment:
        return None
    described = describe_rollout(session, running[1])
    return None if described is None else described.version


def is_captured(session: Session) -> bool:
    """Whether what production answers is kept."""
    sagemaker = session.clients.sagemaker
    state = describe_endpoint(sagemaker, name_endpoint(session.use_case_name, prefix=session.prefix))
    if state is None:
        return False
    config = sagemaker.describe_endpoint_config(EndpointConfigName=state.config)
    return bool(config.get("DataCaptureConfig", {}).get("EnableCapture"))
