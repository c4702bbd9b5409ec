"""Approving a model and following its rollout: this one, not one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.client.progress import NO_PROGRESS
from noriba.client.waiting import ROLLOUT_LIMIT_S, StepFailedError, read_cause, wait_until

if TYPE_CHECKING:
    from noriba.aws.executions import Execution
    from noriba.aws.registry import ModelPackage
    from noriba.client.progress import Progress
    from noriba.client.session import Session


@dataclass(frozen=True)
class Approval:
    """An approval, and what was known before it.

    Attributes:
        package: what was approved.
        last_rollout: the newest execution before the approval; None when there was none.
        serving: the version that answered in production then; None when none did.
    """

    package: ModelPackage
    last_rollout: str | None
    serving: int | None

    def describe(self) -> str:
        """What it means for production."""
        version = self.package.version
        if self.serving is None:
            return f"version {version} approved; it will be the first in production"
        if self.serving == version:
            return f"version {version} approved again; it is in production already, and is rolled out once more"
        if self.serving > version:
            return f"version {version} approved; production goes back to it from version {self.serving}"
        return f"version {version} approved; it takes the place of version {self.serving}"


def approve_model(session: Session, package: ModelPackage, *, note: str) -> Approval:
    """Approve as the approver; the rollout begins by itself."""
    last = session.history(session.deployment.rollout_machine_arn).find_newest()
    champion = session.ledger.read_champion()
    serving = None if champion is None else int(champion.model_package_arn.rpartition("/")[2])
    session.as_approver().approve(package.arn, note=note)
    return Approval(package, None if last is None else last.arn, serving)


def wait_for_rollout(
    session: Session, approval: Approval, *, limit_s: float = ROLLOUT_LIMIT_S, progress: Progress = NO_PROGRESS
) -> None:
    """Wait until the rollout that an approval began has ended, and its package is the champion.

    Raises:
        StepFailedError: the rollout failed, did not begin or took too long; production answers as before.
    """
    history = session.history(session.deployment.rollout_machine_arn)
    known: Execution | None = None

    def look() -> Execution | None:
        nonlocal known
        if known is None:
            known = history.find_after(approval.last_rollout, approval.package.arn)
        else:
            known = history.look_up(known.arn)
        if known is not None and known.failed:
            raise StepFailedError(f"the rollout failed: {known.error}: {read_cause(known.cause)}")
        progress.update(f"rollout: {'not started' if known is None else known.status.lower()}")
        return known if known is not None and known.status == "SUCCEEDED" else None

    wait_until(look, f"the rollout of version {approval.package.version}", limit_s=limit_s)
    champion = session.ledger.read_champion()
    if champion is None or champion.model_package_arn != approval.package.arn:
        raise StepFailedError("the approval was withdrawn, or another version was rolled out after this one")
