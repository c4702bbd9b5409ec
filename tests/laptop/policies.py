"""What the synthesised policies of roles allow, read and evaluated without the laptop cloud's own evaluator.

Only what the templates use is known: policies that allow, named actions, a few operators. Anything else is an error.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.infra.assembly import as_list, name_plainly, shorten_arn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from laptop_cloud.calls import RecordedCall
    from tests.infra.assembly import Assembly

_REFERENCE = re.compile(r"<([\w:]+)(?:\.(\w+))?>")
# How the ARN of a resource is made of its physical id, where that is no ARN.
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{here}:table/{id}",
    "AWS::Events::EventBus": "events:{here}:event-bus/{id}",
    "AWS::IAM::Role": "iam::{account}:role/{id}",
    "AWS::KMS::Key": "kms:{here}:key/{id}",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:{here}:deliverystream/{id}",
    "AWS::Lambda::Function": "lambda:{here}:function:{id}",
    "AWS::Logs::LogGroup": "logs:{here}:log-group:{id}:*",
    "AWS::S3::Bucket": "s3:::{id}",
    "AWS::SQS::Queue": "sqs:{here}:{id}",
}
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {"StringEquals": operator.eq, "StringLike": fnmatchcase}


@dataclass(frozen=True)
class Deployed:
    """A resource of a stack, as it is called in the account."""

    type: str
    physical_id: str


@dataclass(frozen=True)
class Grant:
    """What a statement lets a role do on one kind of resource.

    Args:
        role: its plain name, `PredictRole`.
        principal: as calls are recorded, `role/noriba-serving-PredictRole…`.
        action: one.
        resource: as `tests.infra.grants` writes it, `RawBucket/*`.
        pattern: of ARNs.
        conditions: of the statement.
    """

    role: str
    principal: str
    action: str
    resource: str
    pattern: str
    conditions: Mapping[str, Mapping[str, Any]]

    def allows(self, call: RecordedCall) -> bool:
        return (
            (call.principal, call.action) == (self.principal, self.action)
            and fnmatchcase(call.resource, self.pattern)
            and all(
                holds(test, key, [str(value) for value in as_list(expected)], call.keys)
                for test, block in self.conditions.items()
                for key, expected in block.items()
            )
        )


def holds(test: str, key: str, expected: list[str], keys: Mapping[str, Any]) -> bool:
    """Whether a condition is met.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    known = key.lower() in keys
    if test == "Null":
        return known != (expected == ["true"])
    for_all = test.startswith("ForAllValues:")
    name = test.removeprefix("ForAllValues:")
    if not known:
        return for_all or name.endswith("IfExists")
    values = as_list(keys[key.lower()])
    compare = _COMPARISONS[name.removesuffix("IfExists")]
    met = [any(compare(value, pattern) for pattern in expected) for value in values]
    return all(met) if for_all else any(met)


@dataclass(frozen=True)
class Names:
    """How what templates refer to is called in the account: resources by plain names, ARNs of stacks by names."""

    account: str
    region: str
    resources: Mapping[str, Deployed]
    stacks: Mapping[str, str]

    def resolve(self, text: str) -> str:
        """A text of `Assembly.read` with physical names for its references."""
        return _REFERENCE.sub(lambda found: self._look_up(found[1], found[2]), text)

    def _look_up(self, name: str, attribute: str | None) -> str:
        pseudo = {"AWS::Partition": "aws", "AWS::Region": self.region, "AWS::AccountId": self.account}
        if name in pseudo:
            return pseudo[name]
        resource = self.resources[name]
        if attribute is None:
            return resource.physical_id
        if attribute == "Name":
            return re.split("[:/]", resource.physical_id)[-1]
        assert attribute.endswith("Arn"), f"{name}.{attribute}"
        return self.name_arn(resource)

    def name_arn(self, resource: Deployed) -> str:
        if resource.physical_id.startswith("arn:"):
            return resource.physical_id
        last = resource.physical_id.rpartition("/")[2] if resource.type == "AWS::SQS::Queue" else resource.physical_id
        here = f"{self.region}:{self.account}"
        return "arn:aws:" + _ARNS[resource.type].format(here=here, account=self.account, id=last)


def read_names(cloudformation: Any, *, prefix: str, account: str, region: str) -> Names:
    """How the resources of the stacks with a prefix are called; a plain name that two of them have is none."""
    stacks: dict[str, str] = {}
    resources: dict[str, Deployed] = {}
    twice: set[str] = set()
    for stack in cloudformation.describe_stacks()["Stacks"]:
        if not stack["StackName"].startswith(f"{prefix}-"):
            continue
        stacks[stack["StackName"].removeprefix(f"{prefix}-")] = stack["StackId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"]):
            for one in page["StackResourceSummaries"]:
                if one["ResourceType"] == "AWS::IAM::ManagedPolicy":
                    # Those of people, named after them as the approver's role is; no role of ours has one.
                    continue
                name = name_plainly(one["LogicalResourceId"])
                twice |= {name} & resources.keys()
                resources[name] = Deployed(one["ResourceType"], one["PhysicalResourceId"])
    return Names(account, region, {name: one for name, one in resources.items() if name not in twice}, stacks)


def read_grants(assembly: Assembly, names: Names) -> Iterator[Grant]:
    """What each role may do, with the names that its resources have in the account."""
    for policy in assembly.find("AWS::IAM::Policy"):
        stack = names.stacks[policy.stack]
        [role] = policy.properties["Roles"]
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow", policy.name
            for action, resource in product(as_list(statement["Action"]), as_list(statement["Resource"])):
                yield Grant(
                    role=role.strip("<>"),
                    principal=f"role/{names.resolve(role)}",
                    action=action,
                    resource=shorten_arn(resource),
                    pattern=names.resolve(resource.replace("<AWS::StackId>", stack)),
                    conditions=statement.get("Condition", {}),
                )
