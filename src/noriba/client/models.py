"""The registry: candidates, champions, and what a person decides about them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.bus import EventBus
from noriba.client.rollout_history import UnderWayError, find_promotion, list_under_way
from noriba.client.session import name_caller
from noriba.client.snapshots import NoSuchSnapshotError, count_traffic, read_snapshot
from noriba.client.waiting import StepFailedError
from noriba.errors import NoribaError
from noriba.events import RetrainingRequested
from noriba.records.approvals import APPROVED, PENDING_APPROVAL

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from noriba.client.rollout_history import Rollout
    from noriba.client.session import Session

_METRICS = ("mae", "rmse", "rmsle", "coverage", "claimed_coverage", "baseline_mae", "champion_mae")


class NoSuchModelError(NoribaError):
    """No model of that version, or none that waits."""


class NotApprovedError(NoribaError):
    """A version would have to be approved for this."""


class Model(BaseModel):
    """A registered model. Errors among the metrics are in the label's unit."""

    model_config = ConfigDict(frozen=True)

    version: int
    status: str
    champion: bool
    created_at: datetime
    arn: str
    snapshot_id: str | None
    note: str | None
    metrics: dict[str, float]


class ModelDetails(Model):
    """A model with what led to it, and its card."""

    lineage: dict[str, str]
    card: dict[str, Any]
    rows_from_traffic: int | None = Field(description="of its snapshot's; None where there is no such snapshot")


def list_models(session: Session) -> tuple[Model, ...]:
    """All models, the newest first."""
    champion = _find_champion(session)
    return tuple(Model(**_describe(package, champion)) for package in session.registry.list_packages())


def read_model(session: Session, version: int) -> ModelDetails:
    """One model, whole.

    Raises:
        NoSuchModelError: there is none of that version.
    """
    package = find_model(session, version)
    card = json.loads(session.registry.read_card(package.arn))
    described = _describe(package, _find_champion(session))
    traffic = _count_traffic(session, described["snapshot_id"])
    return ModelDetails(**described, lineage=dict(package.metadata), card=card, rows_from_traffic=traffic)


def read_metrics(package: ModelPackage) -> dict[str, float]:
    """What evaluation found, by name; errors in the label's unit."""
    return {name: float(package.metadata[name]) for name in _METRICS if name in package.metadata}


def find_model(session: Session, version: int | None = None) -> ModelPackage:
    """The model of a version, or the newest that waits for approval.

    Raises:
        NoSuchModelError: there is none; the message names those there are.
    """
    found = list(session.registry.list_packages())
    for package in found:
        if package.version == version or (version is None and package.status == PENDING_APPROVAL):
            return package
    wanted = "no model waits for approval" if version is None else f"no version {version}"
    there = ", ".join(f"{package.version} ({package.status})" for package in found) or "none"
    raise NoSuchModelError(f"{wanted}; versions of {session.use_case_name}: {there}")


def find_approved(session: Session, version: int) -> ModelPackage:
    """The model of a version that is approved.

    Raises:
        NoSuchModelError: there is none of that version.
        NotApprovedError: it is not approved.
    """
    package = find_model(session, version)
    if package.status != APPROVED:
        raise NotApprovedError(f"version {version} is not approved; approve it: noriba approve {version}")
    return package


def find_candidate(session: Session, version: int | None = None) -> ModelPackage:
    """The model to approve: of a version, or the newest that waits.

    Raises:
        NoSuchModelError: there is none.
        UnderWayError: no version was named, and one that is newer than all that wait is being rolled out.
    """
    package = find_model(session, version)
    promotion = find_promotion(session) if version is None else None
    if promotion is not None and promotion.version > package.version:
        raise UnderWayError(
            f"version {promotion.version} is being rolled out, and version {package.version}, the newest that waits, "
            f"is older; to give up the one for the other: noriba approve {package.version}"
        )
    return package


def reject_model(session: Session, package: ModelPackage, *, note: str) -> bool:
    """Reject as the approver; whether it goes on serving, because it is the champion.

    Raises:
        UnderWayError: a rollout or an experiment needs it: it is the one tried, or the champion to go back to.
    """
    serves = _find_champion(session) == package.arn
    for rollout in list_under_way(session):
        if serves or rollout.version == package.version:
            raise UnderWayError(_say_needed(rollout, package.version, serves=serves))
    session.as_approver().reject(package.arn, note=note)
    return serves


def request_training(session: Session, *, cause: str) -> str:
    """Ask for training on the newest snapshot, old data or not; the id of the event that asks, and says who does.

    Raises:
        StepFailedError: there is no snapshot yet.
    """
    if session.ledger.latest_snapshot() is None:
        raise StepFailedError("there is no snapshot yet to train on; land data first")
    bus = EventBus(session.at("events").events, session.deployment.bus_name)
    noted = f"{cause}, by {name_caller(session, 'events')}"
    return bus.publish(RetrainingRequested(use_case=session.use_case_name, cause=noted))


def _say_needed(rollout: Rollout, version: int, *, serves: bool) -> str:
    what = "an experiment tries" if rollout.is_experiment else "a rollout is under way for"
    end = "noriba experiment stop" if rollout.is_experiment else "noriba rollout abort"
    why = f"{what} version {rollout.version}"
    if serves:
        why += f", and production could not be given back to version {version}, the champion, were it rejected"
    return f"{why}; nothing was changed. End it first: {end} --reason TEXT"


def _find_champion(session: Session) -> str | None:
    champion = session.ledger.read_champion()
    return None if champion is None else champion.model_package_arn


def _count_traffic(session: Session, snapshot_id: str | None) -> int | None:
    try:
        return None if snapshot_id is None else count_traffic(read_snapshot(session, snapshot_id))
    except NoSuchSnapshotError:
        return None


def _describe(package: ModelPackage, champion: str | None) -> dict[str, Any]:
    return {
        "version": package.version,
        "status": package.status,
        "champion": package.arn == champion,
        "created_at": package.created_at.astimezone(UTC).replace(microsecond=0),
        "arn": package.arn,
        "snapshot_id": package.metadata.get("snapshot_id"),
        "note": package.note,
        "metrics": read_metrics(package),
    }
