"""What was deployed, and under which names: read from the stacks' outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACKS = ("events", "data", "registry", "training", "rollout", "serving")
DEFAULT_PREFIX = "noriba"


class NotDeployedError(NoribaError):
    """A stack is missing, or still on its way."""


class Deployment(BaseModel):
    """Names and ARNs of a deployment; field `raw_bucket` is the output `RawBucket`."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=lambda name: "".join(word.capitalize() for word in name.split("_")),
        populate_by_name=True,
    )

    prefix: str
    bus_name: str
    dead_letter_queue_url: str
    access_logs_bucket: str
    raw_bucket: str
    datasets_bucket: str
    quarantine_bucket: str
    models_bucket: str
    outcomes_bucket: str
    ledger_table: str
    ingest_machine_arn: str
    train_machine_arn: str
    rollout_machine_arn: str
    approver_role_arn: str
    api_url: str
    api_key_id: str


def read_stacks(cloudformation: CloudFormationClient, *, prefix: str) -> dict[str, str]:
    """The status of each stack of a deployment; stacks that are not there are left out."""
    found = {}
    for name in STACKS:
        try:
            stack = cloudformation.describe_stacks(StackName=f"{prefix}-{name}")["Stacks"][0]
        except ClientError as error:
            # DescribeStacks has no error of its own for this: a ValidationError, "Stack with id … does not exist".
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            continue
        found[stack["StackName"]] = str(stack["StackStatus"])
    return found


def read_deployment(cloudformation: CloudFormationClient, *, prefix: str) -> Deployment:
    """The deployment.

    Raises:
        NotDeployedError: it is not there, or not whole; the message says what to do.
    """
    outputs: dict[str, str] = {}
    missing = []
    for name in STACKS:
        try:
            stack = cloudformation.describe_stacks(StackName=f"{prefix}-{name}")["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            missing.append(f"{prefix}-{name}")
            continue
        outputs |= {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    if missing:
        raise NotDeployedError(
            f"not deployed here: {', '.join(missing)}. On the laptop: `noriba up`; on AWS: `cdk deploy --all`"
        )
    try:
        return Deployment.model_validate({"prefix": prefix, **outputs})
    except ValidationError as error:
        absent = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise NotDeployedError(f"the stacks lack the outputs {absent}: deploy this version of Noriba again") from error
