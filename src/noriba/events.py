"""The event contract: every arrow between two parts of the loop is one of these models.

Each model knows the pattern that selects it and the entry that publishes it, so rules in `infra` and publishers in
`aws` are made from the same definition and cannot drift apart. Fields are the event's `detail`; times are UTC.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from noriba.timestamps import UtcTimestamp

BUS_NAME = "noriba"


class Event(BaseModel):
    """Base of the events on the `noriba` bus.

    `source` names the part that speaks, `noriba.<part>`; the detail type is the class name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: ClassVar[str] = "noriba"

    use_case: str

    @classmethod
    def detail_type(cls) -> str:
        """The event's `detail-type`."""
        return cls.__name__

    @classmethod
    def pattern(cls, **equals: str | bool | list[str]) -> dict[str, Any]:
        """An EventBridge pattern for this event, narrowed to fields that equal the given values.

        Raises:
            ValueError: a name that is not a field of the event; a rule on it would never fire.
        """
        return {"source": [cls.source], "detail-type": [cls.detail_type()], **_detail_pattern(cls, equals)}

    @classmethod
    def parse(cls, envelope: dict[str, Any]) -> Self:
        """The event inside the envelope that EventBridge delivers."""
        return cls.model_validate(envelope["detail"])

    def entry(self, *, bus: str = BUS_NAME) -> dict[str, str]:
        """The event as one entry of `PutEvents`."""
        return {
            "EventBusName": bus,
            "Source": self.source,
            "DetailType": self.detail_type(),
            "Detail": self.model_dump_json(),
        }


def _detail_pattern(model: type[BaseModel], equals: dict[str, Any]) -> dict[str, Any]:
    by_alias = {name: field.alias or name for name, field in model.model_fields.items()}
    if unknown := equals.keys() - by_alias.keys():
        raise ValueError(f"{model.__name__} has no field {', '.join(sorted(unknown))}; it has {', '.join(by_alias)}")
    detail = {by_alias[name]: value if isinstance(value, list) else [value] for name, value in equals.items()}
    return {"detail": detail} if detail else {}


# --- data ------------------------------------------------------------------------------------------------------------


class ObjectRefused(Event):
    """A landed object could not be read; nothing of it entered a snapshot."""

    source: ClassVar[str] = "noriba.data"

    bucket: str
    key: str
    version_id: str
    error: str
    reason: str


class ObjectErased(Event):
    """Somebody had a raw object erased, with all that was made of it; the snapshot without it follows."""

    source: ClassVar[str] = "noriba.data"

    key: str
    versions: int
    erased_by: str
    reason: str


class DatasetSnapshotCreated(Event):
    """A new immutable dataset version exists."""

    source: ClassVar[str] = "noriba.data"

    snapshot_id: str
    manifest_uri: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int


# --- training and registry -------------------------------------------------------------------------------------------


class RetrainingRequested(Event):
    """A person, a schedule or an alarm asks for training."""

    source: ClassVar[str] = "noriba.monitoring"

    cause: str


class RetrainingDecided(Event):
    """Somebody or something asked for training, and this was the answer. Both answers are recorded."""

    source: ClassVar[str] = "noriba.monitoring"

    decision_id: str
    train: bool
    cause: str
    reason: str
    snapshot_id: str
    manifest_uri: str
    training_job_name: str
    champion_package_arn: str | None = None
    champion_model_uri: str | None = None


class FindingChanged(Event):
    """The monitor found otherwise than at its look before, about the model in production; the reason is in words."""

    source: ClassVar[str] = "noriba.monitor"

    model_version: int
    kind: Literal["accuracy", "coverage", "drift", "quality", "outcomes"]
    verdict: Literal["steady", "changed"]
    reason: str


RetrainingOutcome: TypeAlias = Literal[
    "start",
    "too_few_rows",
    "running",
    "rollout_in_progress",
    "bad_data",
    "same_snapshot",
    "back_off",
    "cooldown",
    "too_little_news",
    "limit",
]
"""What a retraining decision came to: a training run, or what was in the way of one."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AlarmFacts(_Facts):
    """What an alarm said when its state changed; `metric` is its expression where it watches no single metric."""

    name: str
    state: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    reason: str
    changed_at: UtcTimestamp
    metric: str | None
    dimensions: dict[str, str]


class DataFacts(_Facts):
    """What there is to train on, and what of it the latest training did not have.

    `rows` are kept ones. `new_rows` are more of them than the latest training had, and below 0 where rows were taken
    back. `later_rows` are those of new parts that end after all of its rows, and span `later_days`. `landed_rows` came
    in objects that it did not have, kept or not; `landed_quarantined` are those of them that were not.
    """

    snapshot_id: str
    rows: int
    new_rows: int
    later_rows: int
    later_days: float
    landed_rows: int
    landed_quarantined: int


class LastTrainingFacts(_Facts):
    """The latest training run; `failures` is how many in a row have failed, this one the last of them."""

    decision_id: str
    snapshot_id: str
    rows: int
    started_at: UtcTimestamp
    running: bool
    failures: int


class RetrainingWeighed(Event):
    """What a retraining decision rests upon; the decision itself is the `RetrainingDecided` of the same name.

    `rollout` names the execution that was rolling a model out, be it in the way or not. `champion_snapshot_id` is null
    before the first rollout, and where the champion was registered before the ledger kept it.
    """

    source: ClassVar[str] = "noriba.monitoring"

    decision_id: str
    outcome: RetrainingOutcome
    cause: str
    reason: str
    data: DataFacts
    alarm: AlarmFacts | None = None
    last_training: LastTrainingFacts | None = None
    champion_package_arn: str | None = None
    champion_snapshot_id: str | None = None
    rollout: str | None = None


class TrainingFailed(Event):
    """A training run ended without a candidate; the cause is the container's error message where it left any."""

    source: ClassVar[str] = "noriba.training"

    decision_id: str
    training_job_name: str
    error: str
    cause: str


class CandidateRegistered(Event):
    """A model package waits in the registry for an approver, or was refused by the gates and says why."""

    source: ClassVar[str] = "noriba.registry"

    model_package_arn: str
    version: int
    approval_status: Literal["PendingManualApproval", "Rejected"]
    snapshot_id: str
    training_job_name: str
    summary: str


# --- rollout ---------------------------------------------------------------------------------------------------------


class RolloutAdvanced(Event):
    """A rollout entered its next stage; in the canary, with that percentage of the requests."""

    source: ClassVar[str] = "noriba.rollout"

    model_package_arn: str
    stage: Literal["staging", "shadow", "canary", "production"]
    percent: int | None = None


class ChallengerJudged(Event):
    """What a stage that compares champion and challenger came to; `error` names a rejection.

    Numbers are of the challenger's error less the champion's, in the label's unit; null where nothing is known.
    """

    source: ClassVar[str] = "noriba.rollout"

    model_package_arn: str
    stage: Literal["shadow", "canary"]
    decision: Literal["promote", "reject", "continue"]
    error: str | None
    reason: str
    outcomes: int
    estimate: float | None
    lower: float | None
    upper: float | None


class RolloutCompleted(Event):
    """The approved model answers in production."""

    source: ClassVar[str] = "noriba.rollout"

    model_package_arn: str
    endpoint_name: str


class RolledBack(Event):
    """A rollout stopped; production answers as it did before."""

    source: ClassVar[str] = "noriba.rollout"

    model_package_arn: str
    error: str
    reason: str


# --- serving ---------------------------------------------------------------------------------------------------------


CLOCK_SKEW = timedelta(minutes=5)
"""How far a clock may go ahead of ours: what was observed later than that was not observed."""
MOST_OUTCOME = 1e9
"""What no outcome can be, in any unit that people use; its square is still a number."""


class OutcomeObserved(Event):
    """What really happened to a prediction."""

    source: ClassVar[str] = "noriba.serving"

    prediction_id: str
    candidate_id: str | None = None
    value: float
    observed_at: UtcTimestamp


class MetricsObserved(Event):
    """What the business makes of a prediction; metrics by name, as the use case declares them."""

    source: ClassVar[str] = "noriba.serving"

    prediction_id: str
    candidate_id: str | None = None
    metrics: dict[str, float]
    observed_at: UtcTimestamp


NORIBA_EVENTS: tuple[type[Event], ...] = (
    ObjectRefused,
    ObjectErased,
    DatasetSnapshotCreated,
    RetrainingRequested,
    RetrainingDecided,
    FindingChanged,
    RetrainingWeighed,
    TrainingFailed,
    CandidateRegistered,
    RolloutAdvanced,
    ChallengerJudged,
    RolloutCompleted,
    RolledBack,
    OutcomeObserved,
    MetricsObserved,
)
"""Every event that may stand on the bus."""


# --- what AWS tells us -----------------------------------------------------------------------------------------------


class AwsEvent(BaseModel):
    """Base of the events that AWS services put on the default bus; only the fields that Noriba reads are declared."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    source: ClassVar[str]
    aws_detail_type: ClassVar[str]

    @classmethod
    def pattern(cls, **equals: str | list[str]) -> dict[str, Any]:
        """An EventBridge pattern for this event; see `Event.pattern`."""
        return {"source": [cls.source], "detail-type": [cls.aws_detail_type], **_detail_pattern(cls, equals)}

    @classmethod
    def parse(cls, envelope: dict[str, Any]) -> Self:
        """The event inside the envelope that EventBridge delivers."""
        return cls.model_validate(envelope["detail"])


class _S3Bucket(BaseModel):
    name: str


class _S3Object(BaseModel):
    key: str
    size: int
    etag: str
    version_id: str = Field(alias="version-id")
    # Grows with each event of one key, so it orders the versions of an object.
    sequencer: str


class S3ObjectCreated(AwsEvent):
    """An object version landed in S3.

    Shape: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """

    source: ClassVar[str] = "aws.s3"
    aws_detail_type: ClassVar[str] = "Object Created"

    bucket: _S3Bucket
    object: _S3Object

    @classmethod
    def in_bucket(cls, bucket_name: str, *, prefix: str = "") -> dict[str, Any]:
        """The pattern for objects created in one bucket, or under a prefix of it.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
        """
        under = {"object": {"key": [{"prefix": prefix}]}} if prefix else {}
        return {**cls.pattern(), "detail": {"bucket": {"name": [bucket_name]}, **under}}


class ModelPackageStateChanged(AwsEvent):
    """A model package was registered, decided upon, or changed in any other way.

    Editing the metadata, card or life cycle of an approved package sends the same event, with the status that the
    package has had all along; which members changed, `UpdatedModelPackageFields` says.

    Shape: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
    """

    source: ClassVar[str] = "aws.sagemaker"
    aws_detail_type: ClassVar[str] = "SageMaker Model Package State Change"

    model_package_arn: str = Field(alias="ModelPackageArn")
    model_package_group_name: str = Field(alias="ModelPackageGroupName")
    model_package_version: int = Field(alias="ModelPackageVersion")
    model_approval_status: str = Field(alias="ModelApprovalStatus")
    updated_fields: tuple[str, ...] = Field(default=(), alias="UpdatedModelPackageFields")


class _AlarmState(BaseModel):
    value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    reason: str = ""
    timestamp: UtcTimestamp


class _AlarmMetric(BaseModel):
    name: str
    namespace: str = ""
    dimensions: dict[str, str] = {}


class _AlarmMetricStat(BaseModel):
    metric: _AlarmMetric


class _AlarmQuery(BaseModel):
    """One of an alarm's metrics, or an expression over them."""

    metric_stat: _AlarmMetricStat | None = Field(default=None, alias="metricStat")
    expression: str | None = None


class _AlarmConfiguration(BaseModel):
    # A composite alarm has none.
    metrics: tuple[_AlarmQuery, ...] = ()


class AlarmStateChanged(AwsEvent):
    """An alarm went from one state to another.

    Shape: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """

    source: ClassVar[str] = "aws.cloudwatch"
    aws_detail_type: ClassVar[str] = "CloudWatch Alarm State Change"

    alarm_name: str = Field(alias="alarmName", min_length=1, max_length=255)
    state: _AlarmState
    configuration: _AlarmConfiguration = _AlarmConfiguration()

    @property
    def facts(self) -> AlarmFacts:
        """What it said, in short."""
        queries = self.configuration.metrics
        single = queries[0].metric_stat if len(queries) == 1 else None
        expression = next((query.expression for query in queries if query.expression), None)
        return AlarmFacts(
            name=self.alarm_name,
            state=self.state.value,
            reason=self.state.reason,
            changed_at=self.state.timestamp,
            metric=f"{single.metric.namespace}/{single.metric.name}" if single else expression,
            dimensions=dict(single.metric.dimensions) if single else {},
        )

    @classmethod
    def raised(cls, *names: str) -> dict[str, Any]:
        """The pattern for alarms of these names that went off."""
        named = cls.pattern(alarm_name=[*names])
        return {**named, "detail": {**named["detail"], "state": {"value": ["ALARM"]}}}


class ExecutionStatusChanged(AwsEvent):
    """An execution of a state machine began or ended; children of a distributed map are not told of under its ARN.

    Shape: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """

    source: ClassVar[str] = "aws.states"
    aws_detail_type: ClassVar[str] = "Step Functions Execution Status Change"

    execution_arn: str = Field(alias="executionArn")
    state_machine_arn: str = Field(alias="stateMachineArn")
    status: str
