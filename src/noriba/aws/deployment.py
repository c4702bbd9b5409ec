"""What was deployed, and under which names: read from the stacks' outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from noriba.aws.places import PARTS, PROFILES, Part
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from noriba.aws.places import Places

Machine: TypeAlias = Literal["ingest", "settle", "train", "rollout", "monitor"]
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
MACHINES: dict[Machine, Part] = {
    "ingest": "data",
    "settle": "data",
    "train": "training",
    "rollout": "rollout",
    "monitor": "monitoring",
}
"""The state machines that are asked by name, and the part that each is of; a deployment has their ARNs."""
DEFAULT_PREFIX = "noriba"


class NotDeployedError(NoribaError):
    """A stack is missing, or still on its way."""


class Deployment(BaseModel):
    """Names and ARNs of a deployment; field `raw_bucket` is the output `RawBucket` of the part that stands beside."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=lambda name: "".join(word.capitalize() for word in name.split("_")),
        populate_by_name=True,
    )

    prefix: str
    bus_name: Annotated[str, "events"]
    dead_letter_queue_url: Annotated[str, "events"]
    raw_bucket: Annotated[str, "data"]
    datasets_bucket: Annotated[str, "data"]
    quarantine_bucket: Annotated[str, "data"]
    ledger_table: Annotated[str, "data"]
    ingest_machine_arn: Annotated[str, "data"]
    settle_machine_arn: Annotated[str, "data"]
    models_bucket: Annotated[str, "registry"]
    approver_role_arn: Annotated[str, "registry"]
    train_machine_arn: Annotated[str, "training"]
    captures_bucket: Annotated[str, "rollout"]
    rollout_machine_arn: Annotated[str, "rollout"]
    outcomes_bucket: Annotated[str, "serving"]
    api_url: Annotated[str, "serving"]
    api_key_id: Annotated[str, "serving"]
    observations_bucket: Annotated[str, "observations"]
    observations_database: Annotated[str, "observations"]
    query_workgroup: Annotated[str, "observations"]
    compact_function: Annotated[str, "observations"]
    gather_function: Annotated[str, "observations"]
    monitor_machine_arn: Annotated[str, "monitoring"]
    operators_api_url: Annotated[str, "operators"]
    serving: Annotated[str | None, "rollout"] = None
    """`function` where functions answer; where SageMaker's endpoints do, nobody says so."""


class _PartByPart:
    """A deployment over several accounts, of which not everybody may see all: a stack is read when it is first needed.

    To whoever asks, it is a `Deployment`.

    Args:
        places: who is asked about each part.
        prefix: which deployment.
    """

    def __init__(self, places: Places, prefix: str) -> None:
        self.prefix = prefix
        self._places = places
        self._read: dict[Part, dict[str, str]] = {}

    def __getattr__(self, name: str) -> str | None:
        field = Deployment.model_fields.get(name)
        if field is None or field.alias is None:
            raise AttributeError(name)
        [part] = field.metadata
        if part not in self._read:
            cloudformation = self._places.at(part).cloudformation
            found = _describe_stacks(cloudformation, self.prefix, [part])
            if not found:
                raise NotDeployedError(
                    f"{name_stack(part, prefix=self.prefix)} is not deployed where {PROFILES} says that {part} is: "
                    f"{self._places.describe(part)}; name the profile of the account that has it"
                )
            self._read[part] = _gather_outputs(found)
        if field.alias not in self._read[part] and not field.is_required():
            return None
        if field.alias not in self._read[part]:
            raise _miss([field.alias])
        return self._read[part][field.alias]


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
    """The deployment. Where parts have accounts of their own, each is read when it is first needed.

    Raises:
        NotDeployedError: it is not there, or not whole; the message says what to do. Over several accounts, of a part
            that is needed, then.
    """
    if places.are_several:
        return cast("Deployment", _PartByPart(places, prefix))
    stacks = _describe_stacks(places.only.cloudformation, prefix, _NEEDED)
    if missing := [name for name in (name_stack(part, prefix=prefix) for part in _NEEDED) if name not in stacks]:
        # Of one that is spread, an account has some: deployed once more without saying so, it would be made another.
        remedy = (
            f"where it is spread over accounts, {PROFILES} says who is asked for each part"
            if stacks
            else "on the laptop: `noriba up`; on AWS: `cdk deploy --all`"
        )
        raise NotDeployedError(f"not deployed here: {', '.join(missing)}; {remedy}")
    try:
        return Deployment.model_validate({"prefix": prefix, **_gather_outputs(stacks)})
    except ValidationError as error:
        raise _miss([str(fault["loc"][0]) for fault in error.errors()]) from error


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


def _miss(outputs: list[str]) -> NotDeployedError:
    return NotDeployedError(f"the stacks lack the outputs {', '.join(outputs)}: deploy this version of Noriba again")


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
