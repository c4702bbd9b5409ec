"""What was deployed, and under which names: read from the stacks' outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

STACKS = (
    "events",
    "data",
    "registry",
    "training",
    "rollout",
    "serving",
    "observations",
    "monitoring",
    "operators",
    "people",
)
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
    raw_bucket: str
    datasets_bucket: str
    quarantine_bucket: str
    models_bucket: str
    outcomes_bucket: str
    captures_bucket: str
    observations_bucket: str
    observations_database: str
    query_workgroup: str
    compact_function: str
    gather_function: str
    ledger_table: str
    ingest_machine_arn: str
    settle_machine_arn: str
    train_machine_arn: str
    rollout_machine_arn: str
    monitor_machine_arn: str
    approver_role_arn: str
    api_url: str
    operators_api_url: str
    api_key_id: str


def read_stacks(cloudformation: CloudFormationClient, *, prefix: str) -> dict[str, str]:
    """The status of each stack of a deployment; stacks that are not there are left out."""
    return {name: str(stack["StackStatus"]) for name, stack in _describe_stacks(cloudformation, prefix).items()}


def read_deployment(cloudformation: CloudFormationClient, *, prefix: str) -> Deployment:
    """The deployment.

    Raises:
        NotDeployedError: it is not there, or not whole; the message says what to do.
    """
    stacks = _describe_stacks(cloudformation, prefix)
    if missing := [name for name in _name_stacks(prefix) if name not in stacks]:
        raise NotDeployedError(
            f"not deployed here: {', '.join(missing)}. On the laptop: `noriba up`; on AWS: `cdk deploy --all`"
        )
    try:
        return Deployment.model_validate({"prefix": prefix, **_gather_outputs(stacks)})
    except ValidationError as error:
        absent = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise NotDeployedError(f"the stacks lack the outputs {absent}: deploy this version of Noriba again") from error


def read_outputs(cloudformation: CloudFormationClient, *, prefix: str) -> dict[str, str]:
    """The outputs of those stacks that are there, by name."""
    return _gather_outputs(_describe_stacks(cloudformation, prefix))


def list_buckets(cloudformation: CloudFormationClient, *, prefix: str) -> list[str]:
    """The buckets of those stacks that are there."""
    outputs = read_outputs(cloudformation, prefix=prefix)
    return [value for name, value in outputs.items() if name.endswith("Bucket")]


def _name_stacks(prefix: str) -> list[str]:
    return [f"{prefix}-{name}" for name in STACKS]


def _describe_stacks(cloudformation: CloudFormationClient, prefix: str) -> dict[str, StackTypeDef]:
    found = {}
    for name in _name_stacks(prefix):
        try:
            [found[name]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # DescribeStacks has no error of its own for this: a ValidationError, "Stack with id … does not exist".
            if error.response["Error"]["Code"] != "ValidationError":
                raise
    return found


def _gather_outputs(stacks: Mapping[str, StackTypeDef]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for stack in stacks.values() for item in stack.get("Outputs", [])}
