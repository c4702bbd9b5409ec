"""Why roles may do what no call of the loop's tests needs: each such grant falls under one of these reasons."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.laptop.policies import Grant


class Reason(NamedTuple):
    """Why some grants are not used. Roles, actions and resources are patterns, one or several words.

    Args:
        why: the reason.
        by_chance: whether they are used in some runs, as it happens; otherwise a call that is seen ends the reason.
    """

    why: str
    roles: str
    actions: str
    resources: str = "*"
    by_chance: bool = False

    def covers(self, grant: Grant) -> bool:
        found = (self.roles, grant.role), (self.actions, grant.action), (self.resources, grant.resource)
        return all(any(fnmatchcase(name, pattern) for pattern in words.split()) for words, name in found)


UNUSED = (
    # What services do in a role's name, and the laptop cloud without asking.
    Reason("Lambda and Step Functions write traces as the role", "*", "xray:*"),
    Reason("Lambda, Step Functions, SageMaker and Firehose write logs as the role", "*", "logs:*"),
    Reason("keys behind objects, tables and volumes are not asked", "*", "kms:*", "Key"),
    Reason("SageMaker pulls a container's image as its role", "JobsRole ModelsRole", "ecr:*"),
    Reason("SageMaker sends a container's metrics as its role", "JobsRole ModelsRole", "cloudwatch:PutMetricData"),
    Reason("the registry looks up an image as whoever registers it", "RegisterCandidateRole", "ecr:*"),
    Reason("Lambda sends what has failed at last as the role", "*", "sqs:SendMessage", "DeadLettersQueue"),
    Reason(
        "Athena reads tables and their files, and writes answers, as who asks",
        "MonitorRole ExplainPredictionRole",
        "athena:GetDataCatalog glue:* s3:*",
        "athena:datacatalog/* glue:* ObservationsBucket ObservationsBucket/*",
    ),
    Reason(
        "Athena fetches an answer from S3 as who reads it",
        "MeasureTrafficRole",
        "s3:GetObject",
        "ObservationsBucket/results/*",
    ),
    Reason("a rule delivers several events at once", "*Sender", "firehose:PutRecordBatch"),
    Reason("a rule delivers several events at once", "*Sender", "firehose:PutRecordBatch"),
    Reason("Firehose writes what it has gathered", "OutcomeArchiveRole MetricArchiveRole", "s3:*"),
    # What Step Functions needs for more than one call.
    Reason(
        "`.sync`: rules that tell of a job's end, its tags, looks at it, and its end where the execution is stopped",
        "TrainRole",
        "events:PutRule events:PutTargets events:DescribeRule sagemaker:AddTags sagemaker:ListTags"
        " sagemaker:Describe*Job sagemaker:Stop*Job",
    ),
    Reason("`.sync`: looks at a query, and its end", "MonitorRole", "athena:GetQueryExecution athena:Stop*"),
    Reason("a distributed map starts, sees and stops its children", "IngestRole", "states:*"),
    # What a person does in the console, and no test.
    Reason(
        "to see what is to be approved",
        "Approver",
        "sagemaker:ListModelPackages sagemaker:DescribeModelPackageGroup",
    ),
    # Paths that the loop's tests do not take.
    Reason("a query that takes too long is stopped", "ExplainPredictionRole", "athena:StopQueryExecution"),
    Reason("a candidate that fails its gates is told why", "RegisterCandidateRole", "sagemaker:UpdateModelPackage"),
    Reason("a day that was erased while it was gathered", "GatherTrafficRole", "s3:DeleteObjectVersion"),
    Reason("a full hour, at which MONITOR looks", "MonitorEventsRole", "states:StartExecution", by_chance=True),
    Reason("the receipt of a day that is over", "GatherTrafficRole", "s3:PutObject", "*/gathered/*", by_chance=True),
    Reason("a model that fits no more, or again", "MeasureTrafficRole", "events:PutEvents", by_chance=True),
    Reason("a challenger slower than the champion", "JudgeRolloutRole", "cloudwatch:DescribeAlarms", by_chance=True),
    Reason(
        "a training under way that may have died", "DecideRetrainingRole", "states:DescribeExecution", by_chance=True
    ),
)
