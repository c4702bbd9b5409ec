"""Who did what to a model, when, and on what evidence: from its rows to its last hour in production."""

from __future__ import annotations

from datetime import datetime  # pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.approvals import list_decisions
from noriba.aws.failures import AwsRefusedError, translate_failures
from noriba.client.models import find_model, read_metrics
from noriba.client.retraining import list_retrainings
from noriba.client.rollout_history import list_rollouts
from noriba.client.snapshots import NoSuchSnapshotError, read_snapshot, summarise_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.aws.registry import ModelPackage
    from noriba.client.rollout_history import Rollout
    from noriba.client.session import Session
    from noriba.records.rollout import RolloutPlan

_MOST = 200
"""Of decisions and of rollouts, the newest that are looked at."""


class AuditEntry(BaseModel):
    """Something that was done."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    who: str = Field(description="a role or person, as far as it is known; or the part of the loop that acted")
    what: str
    evidence: str = Field(description="what it rested upon, in words")
    stands_in: str = Field(description="where the record is kept")


class Audit(BaseModel):
    """All that is kept about a model, in order of time, and what is not."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    version: int
    package_arn: str
    entries: tuple[AuditEntry, ...]
    gaps: tuple[str, ...] = Field(description="what could not be found out, and where it may stand")


def audit_model(session: Session, version: int) -> Audit:
    """Put together what registry, ledger, executions, S3 and CloudTrail have about a version.

    Raises:
        NoSuchModelError: there is none of that version.
    """
    package = find_model(session, version)
    gaps: list[str] = []
    found = [
        *_read_data(session, package, gaps),
        *_read_training(session, package, gaps),
        _describe_registration(package),
        *_read_approvals(session, package, gaps),
        *_read_rollouts(session, package.version),
    ]
    return Audit(
        use_case=session.use_case_name,
        version=version,
        package_arn=package.arn,
        # Within the same second, in the order of the loop: a cause stands before what it began.
        entries=tuple(sorted(found, key=lambda entry: entry.at.replace(microsecond=0))),
        gaps=tuple(gaps),
    )


def _read_data(session: Session, package: ModelPackage, gaps: list[str]) -> Iterator[AuditEntry]:
    snapshot_id = package.metadata.get("snapshot_id", "")
    created = dict(session.ledger.list_snapshots()).get(snapshot_id)
    try:
        snapshot = read_snapshot(session, snapshot_id)
    except NoSuchSnapshotError:
        snapshot = None
    if snapshot is None or created is None:
        gaps.append(f"the snapshot {snapshot_id or '(none is named)'} is not there any more")
    else:
        summary = summarise_snapshot(snapshot)
        yield AuditEntry(
            at=created,
            who="INGEST",
            what=f"made the snapshot {snapshot_id}",
            evidence=f"{len(snapshot.objects)} landed objects; {summary.rows_kept} rows kept, "
            f"{summary.rows_quarantined} in quarantine, {summary.rows_from_traffic} from traffic; "
            f"{summary.first_day} to {summary.last_day}",
            stands_in="ledger, datasets bucket",
        )
        gaps.append("who landed its objects: S3 does not keep it, a trail of CloudTrail with data events does")
    for erasure in session.ledger.list_erasures():
        if snapshot_id in erasure.snapshots:
            yield AuditEntry(
                at=erasure.begun_at,
                who=erasure.erased_by,
                what=f"erased {erasure.key}, which it was trained on",
                evidence=erasure.reason,
                stands_in="ledger",
            )


def _read_training(session: Session, package: ModelPackage, gaps: list[str]) -> Iterator[AuditEntry]:
    wanted = package.metadata.get("decision_id")
    decision = next((one for one in list_retrainings(session, most=_MOST) if one.decision_id == wanted), None)
    if decision is None:
        gaps.append(f"why it was trained: the decision {wanted} is not among the last {_MOST}")
    else:
        yield AuditEntry(
            at=decision.decided_at,
            who=decision.cause,
            what="decided to train" if decision.train else "decided not to train",
            evidence=decision.reason,
            stands_in=f"ledger, decision {decision.decision_id}",
        )
    job = package.metadata.get("training_job_arn", "")
    try:
        with translate_failures():
            training = session.at("training").sagemaker.describe_training_job(TrainingJobName=job.rpartition("/")[2])
    except AwsRefusedError as error:
        gaps.append(f"the training job {job}: {error}")
        return
    yield AuditEntry(
        at=training.get("TrainingEndTime", training["CreationTime"]),
        who=training.get("RoleArn", "TRAIN"),
        what="trained it",
        evidence=f"code {package.metadata.get('code_digest')}, image {package.image_uri}, "
        f"bundle {package.metadata.get('bundle_digest')}",
        stands_in=job,
    )


def _describe_registration(package: ModelPackage) -> AuditEntry:
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in read_metrics(package).items())
    return AuditEntry(
        at=package.created_at,
        who="TRAIN",
        what="registered it as a candidate",
        evidence=f"on the later hold-out: {metrics}",
        stands_in=package.arn,
    )


def _read_approvals(session: Session, package: ModelPackage, gaps: list[str]) -> Iterator[AuditEntry]:
    try:
        with translate_failures():
            decisions = list_decisions(session.at("registry").cloudtrail, package.arn, since=package.created_at)
    except AwsRefusedError as error:
        decisions = []
        gaps.append(str(error))
    for decision in decisions:
        yield AuditEntry(
            at=decision.at,
            who=decision.by,
            what=f"set it to {decision.status}",
            evidence=decision.note or "no note",
            stands_in="CloudTrail",
        )
    if not decisions:
        gaps.append(
            "decisions before the last one, all that the registry keeps: CloudTrail told of none of the last 90 days; "
            "a laptop cloud has no CloudTrail"
        )
        if package.changed_at is not None:
            yield AuditEntry(
                at=package.changed_at,
                who=package.changed_by or _read_who(package),
                what=f"set it to {package.status}",
                evidence=package.note or "no note",
                stands_in=package.arn,
            )


def _read_rollouts(session: Session, version: int) -> Iterator[AuditEntry]:
    rollouts = list_rollouts(session, most=_MOST)
    for number, rollout in enumerate(rollouts):
        if rollout.version == version:
            yield from _describe_rollout(rollout)
            newer = [one for later in rollouts[:number] if later.version != version for one in _find_arrival(later)]
            if rollout.reached_production and newer:
                yield newer[-1]


def _describe_rollout(rollout: Rollout) -> Iterator[AuditEntry]:
    kind = "an experiment" if rollout.is_experiment else "its rollout"
    yield AuditEntry(
        at=rollout.started_at,
        who=rollout.cause,
        what=f"began {kind}",
        evidence=_describe_plan(rollout.plan),
        stands_in=rollout.execution,
    )
    for step in rollout.steps:
        verdict = step.verdict
        told = "entered" if verdict is None else f"entered; then: {verdict.decision}"
        evidence = "" if verdict is None else f"{verdict.reason} ({verdict.outcomes} outcomes)"
        yield AuditEntry(
            at=step.began_at,
            who="ROLLOUT",
            what=f"{step.describe()} {told}",
            evidence=evidence,
            stands_in=f"ledger, {rollout.execution}",
        )
    if rollout.ended_at is not None:
        yield AuditEntry(
            at=rollout.ended_at,
            who="ROLLOUT",
            what=f"{kind} ended: {rollout.status}",
            evidence=rollout.failure or ("it answers in production" if rollout.reached_production else ""),
            stands_in=rollout.execution,
        )


def _describe_plan(plan: RolloutPlan | None) -> str:
    """The stages before production."""
    if plan is None:
        return "straight to production"
    shadow = [f"a shadow of {plan.shadow_s / 3600:g} hours at most"] if plan.shadow_s else []
    canary = [f"{step.challenger} % of the requests for {step.bake_s / 60:g} minutes" for step in plan.canary]
    return "; then ".join([*shadow, *canary]) or "straight to production"


def _read_who(package: ModelPackage) -> str:
    """Who decided, by the note: `noriba approve` says so there, and gates reject in TRAIN's name."""
    note = package.note or ""
    if "failed gates" in note:
        return "TRAIN, by its gates"
    _, by, arn = note.rpartition(", by ")
    return arn if by else "not noted"


def _find_arrival(newer: Rollout) -> Iterator[AuditEntry]:
    """When another version took over; nothing where it never did."""
    if newer.reached_production:
        [*_, last] = [step.began_at for step in newer.steps if step.stage == "production"]
        yield AuditEntry(
            at=last,
            who=newer.cause,
            what=f"version {newer.version} took its place",
            evidence="a way back" if newer.back else "its rollout",
            stands_in=newer.execution,
        )
