"""How rollouts begin, and what is known before."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noriba.client.production import find_serving
from noriba.client.rollout_history import describe_rollout, find_running
from noriba.client.session import name_caller
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from noriba.client.session import Session


@dataclass(frozen=True)
class BegunRollout:
    """A rollout that was begun, by an approval or by hand, and what was known before it.

    Attributes:
        package: what is rolled out.
        last_rollout: the newest execution before it; None when there was none.
        serving: the version that answered in production then; None when none did.
        tried: the version that an experiment tried then, which ends for this rollout; None when none ran.
        execution: of the rollout, where it was begun by hand.
    """

    package: ModelPackage
    last_rollout: str | None
    serving: int | None
    tried: int | None = None
    execution: str | None = None


def look_before(session: Session, package: ModelPackage) -> BegunRollout:
    """What is known before a rollout of a package begins, so that it can be followed."""
    last = session.history("rollout").find_newest()
    return BegunRollout(package, None if last is None else last.arn, find_serving(session), _find_tried(session))


def begin_rollout(session: Session, begun: BegunRollout, **more: object) -> BegunRollout:
    """Begin a rollout that no approval begins; who asked for it, and what for, is in its input.

    Returns:
        The same, which now knows its execution.
    """
    package = begun.package
    given = {
        "use_case": session.use_case_name,
        "endpoint_name": name_endpoint(session.use_case_name, prefix=session.prefix),
        "model_package_arn": package.arn,
        "version": package.version,
        **more,
    }
    execution = session.history("rollout").start(json.dumps(given))
    return replace(begun, execution=execution)


def name_asker(session: Session, reason: str) -> dict[str, str]:
    """Who asks for a rollout, and why, for the record."""
    return {"by": name_caller(session, "rollout"), "reason": reason}


def _find_tried(session: Session) -> int | None:
    """The version that an experiment under way tries; whatever else is rolled out takes its place."""
    running = find_running(session)
    if running is None or not running[0].is_experiment:
        return None
    described = describe_rollout(session, running[1])
    return None if described is None else described.version
