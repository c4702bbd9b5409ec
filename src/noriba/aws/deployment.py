"""What was deployed, and under which names: read from the stacks' outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from noriba.aws.places import PARTS, PROFILES, Part
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from noriba.aws.places import Places

STACKS: tuple[Part, ...] = (
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
"""Parts that have a stack wherever the loop is deployed, each in its own account."""
_NEEDED = tuple(part for part in STACKS if part != "people")
"""Those that say what commands have to know; the policies of people may be anywhere."""
MACHINES: dict[str, Part] = {
    "ingest_machine_arn": "data",
    "settle_machine_arn": "data",
    "train_machine_arn": "training",
    "rollout_machine_arn": "rollout",
    "monitor_machine_arn": "monitoring",
}
"""The state machines, by their fields of a deployment, and the part that each is of."""
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


def read_stacks(cloudformation: CloudFormationClient, *, prefix: str, parts: Iterable[Part] = PARTS) -> dict[str, str]:
    """The status of each stack in one account; stacks that are not there are left out.

    Args:
        cloudformation: of the account.
        prefix: of the deployment.
        parts: whose stacks are looked for.
    """
    found = _describe_stacks(cloudformation, prefix, parts)
    return {name: str(stack["StackStatus"]) for name, stack in found.items()}


def read_deployment(places: Places, *, prefix: str) -> Deployment:
    """The deployment, each stack in the account of its part.

    Raises:
        NotDeployedError: it is not there, or not whole; the message says what to do.
    """
    stacks: dict[str, StackTypeDef] = {}
    for part in _NEEDED:
        stacks |= _describe_stacks(places.at(part).cloudformation, prefix, [part])
    if missing := [name for name in (name_stack(part, prefix=prefix) for part in _NEEDED) if name not in stacks]:
        where = f"; where it is spread over accounts, {PROFILES} says who is asked for each part" if stacks else ""
        raise NotDeployedError(
            f"not deployed here: {', '.join(missing)}. On the laptop: `noriba up`; on AWS: `cdk deploy --all`{where}"
        )
    try:
        return Deployment.model_validate({"prefix": prefix, **_gather_outputs(stacks)})
    except ValidationError as error:
        absent = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise NotDeployedError(f"the stacks lack the outputs {absent}: deploy this version of Noriba again") from error


def read_outputs(cloudformation: CloudFormationClient, *, prefix: str, parts: Iterable[Part] = PARTS) -> dict[str, str]:
    """The outputs of those stacks that are there in one account, by name."""
    return _gather_outputs(_describe_stacks(cloudformation, prefix, parts))


def list_buckets(cloudformation: CloudFormationClient, *, prefix: str) -> list[str]:
    """The buckets of those stacks that are there in one account."""
    outputs = read_outputs(cloudformation, prefix=prefix)
    return [value for name, value in outputs.items() if name.endswith("Bucket")]


def name_stack(part: Part, *, prefix: str) -> str:
    """The stack of a part."""
    return f"{prefix}-{part}"


def _describe_stacks(
    cloudformation: CloudFormationClient, prefix: str, parts: Iterable[Part]
) -> dict[str, StackTypeDef]:
    found = {}
    for name in (name_stack(part, prefix=prefix) for part in parts):
        try:
            [found[name]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # DescribeStacks has no error of its own for this: a ValidationError, "Stack with id … does not exist".
            if error.response["Error"]["Code"] != "ValidationError":
                raise
    return found


def _gather_outputs(stacks: Mapping[str, StackTypeDef]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for stack in stacks.values() for item in stack.get("Outputs", [])}
