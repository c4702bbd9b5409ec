"""A deployment as an account would have it: its policies with real ARNs, made of the templates, and who has which."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tests.infra.assembly import as_list, name_plainly

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.infra.assembly import Assembly

Policy = dict[str, Any]

ACCOUNT = "123456789012"
REGION = "us-east-1"
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/noriba/0",
}
# How an ARN is made of a resource's name; what a reference gives is the name, or the ARN where it stands in the second.
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{here}:table/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{here}:key/{name}",
    "AWS::Events::EventBus": "arn:aws:events:{here}:event-bus/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{here}:function:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{here}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{here}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{here}:stateMachine:{name}",
    "AWS::SageMaker::ModelPackageGroup": "arn:aws:sagemaker:{here}:model-package-group/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{here}:log-group:{name}:*",
    "AWS::KinesisFirehose::DeliveryStream": "arn:aws:firehose:{here}:deliverystream/{name}",
    "AWS::Glue::Database": "arn:aws:glue:{here}:database/{name}",
    "AWS::ApiGateway::RestApi": "arn:aws:apigateway:{region}::/restapis/{name}",
    "AWS::ApiGateway::Stage": "arn:aws:apigateway:{region}::/restapis/stages/{name}",
}
_REFERRED_TO_BY_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
_NAMES = ("BucketName", "TableName", "FunctionName", "LogGroupName", "ModelPackageGroupName", "StageName", "Name")


@dataclass(frozen=True)
class Principal:
    """Somebody who asks.

    Attributes:
        name: as tables have it.
        arn: of the session.
        role: ARN of the role that the session is of.
        policies: what is attached.
        boundary: what limits that; None where nothing does.
    """

    name: str
    arn: str
    role: str
    policies: list[Policy] = field(default_factory=list)
    boundary: Policy | None = None


@dataclass(frozen=True)
class Account:
    """The templates' resources under the names that CloudFormation would give them."""

    assembly: Assembly

    # --- names --------------------------------------------------------------------------------------------------------

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource by type and plain logical id."""
        [(stack, logical_id)] = [key for key in self._resources if self._is(key, kind, name)]
        return self._arn(stack, logical_id)

    def _is(self, key: tuple[str, str], kind: str, name: str) -> bool:
        return self._resources[key]["Type"] == kind and name_plainly(key[1]) == name

    def spell(self, value: Any, stack: str) -> Any:
        """A value of a stack's template, with every reference resolved."""
        spelt: Any = value
        match value:
            case {"Ref": name}:
                spelt = _PSEUDO.get(name) or self._refer(stack, name)
            case {"Fn::GetAtt": [logical_id, attribute]}:
                is_arn = attribute.endswith("Arn")
                spelt = self._arn(stack, logical_id) if is_arn else self._name(stack, logical_id)
            case {"Fn::Join": [separator, parts]}:
                spelt = separator.join(self.spell(part, stack) for part in parts)
            case {"Fn::Select": [index, {"Fn::Split": [separator, whole]}]}:
                spelt = self.spell(whole, stack).split(separator)[int(index)]
            case {"Fn::Sub": str() as text}:
                spelt = re.sub(r"\$\{([\w:]+)\}", lambda found: self.spell({"Ref": found[1]}, stack), text)
            case {"Fn::ImportValue": name}:
                exporter, exported = self._exports[name]
                spelt = self.spell(exported, exporter)
            case dict():
                spelt = {name: self.spell(item, stack) for name, item in value.items()}
            case list():
                spelt = [self.spell(item, stack) for item in value]
        return spelt

    def _refer(self, stack: str, logical_id: str) -> str:
        kind = self._resources[stack, logical_id]["Type"]
        return self._arn(stack, logical_id) if kind in _REFERRED_TO_BY_ARN else self._name(stack, logical_id)

    def _arn(self, stack: str, logical_id: str) -> str:
        kind = self._resources[stack, logical_id]["Type"]
        here = f"{REGION}:{ACCOUNT}"
        return _ARNS[kind].format(name=self._name(stack, logical_id), here=here, account=ACCOUNT, region=REGION)

    def _name(self, stack: str, logical_id: str) -> str:
        """The name in the template, or one as long as CloudFormation's."""
        resource = self._resources[stack, logical_id]
        for given in _NAMES:
            if named := resource.get("Properties", {}).get(given):
                return str(self.spell(named, stack))
        digest = hashlib.sha256(f"{stack} {logical_id}".encode()).hexdigest()
        if resource["Type"] == "AWS::KMS::Key":
            return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
        if resource["Type"] == "AWS::Glue::Database":
            return self.assembly.prefix
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            return digest[:10]
        text = f"{self.assembly.prefix}-{stack}-{logical_id}-{digest[:12]}"
        return text.lower() if resource["Type"] == "AWS::S3::Bucket" else text

    @cached_property
    def _resources(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {
            (stack, logical_id): body
            for stack, template in self.assembly.templates.items()
            for logical_id, body in template["Resources"].items()
        }

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.assembly.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def find(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """ARN, or name where it has none here, and properties, spelt out, of every resource of a type."""
        for stack, logical_id, properties in self._find(kind):
            yield (self._arn if kind in _ARNS else self._name)(stack, logical_id), properties

    def _find(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Stack, logical id and properties, spelt out, of every resource of a type."""
        for (stack, logical_id), body in self._resources.items():
            if body["Type"] == kind:
                yield stack, logical_id, self.spell(body.get("Properties", {}), stack)

    # --- who ----------------------------------------------------------------------------------------------------------

    @cached_property
    def roles(self) -> dict[str, Principal]:
        """Every role of the deployment, by its plain logical id."""
        found: dict[str, list[Policy]] = defaultdict(list)
        for _stack, _logical_id, properties in self._find("AWS::IAM::Policy"):
            for role in properties["Roles"]:
                found[role].append(properties["PolicyDocument"])
        roles = {}
        for stack, logical_id, properties in self._find("AWS::IAM::Role"):
            name = self._name(stack, logical_id)
            # Theirs are not in the templates, so nobody could say here what they allow.
            assert "Policies" not in properties, f"{logical_id} has policies inside"
            boundary = properties.get("PermissionsBoundary")
            roles[name_plainly(logical_id)] = Principal(
                name=name_plainly(logical_id),
                arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session",
                role=self._arn(stack, logical_id),
                policies=found[name],
                boundary=None if boundary is None else self.managed[boundary.rpartition("/")[2]],
            )
        return roles

    @cached_property
    def managed(self) -> dict[str, Policy]:
        """Managed policies, by their names."""
        return {
            properties["ManagedPolicyName"]: properties["PolicyDocument"]
            for _stack, _logical_id, properties in self._find("AWS::IAM::ManagedPolicy")
        }

    def person(self, persona: str) -> Principal:
        """Somebody with a persona's policy, and nothing else, through IAM Identity Center."""
        name = f"{self.assembly.prefix}-{persona}"
        role = f"AWSReservedSSO_{name}_0123456789abcdef"
        return Principal(
            name=persona,
            arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/somebody",
            role=f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{role}",
            policies=[self.managed[f"{name}-{REGION}"]],
        )

    def stranger(self, name: str) -> Principal:
        """Somebody in the account without any policy of ours, as an app's own role is."""
        role = f"{name}-of-somebody-else"
        return Principal(name, f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/it", f"arn:aws:iam::{ACCOUNT}:role/{role}")

    # --- policies on resources ----------------------------------------------------------------------------------------

    def resource_policy(self, arn: str) -> Policy | None:
        """What a resource's own policy says, given its ARN or that of an object in it; None where it has none."""
        bucket = re.fullmatch(r"(arn:aws:s3:::[^/]+)/.*", arn)
        return self._resource_policies.get(bucket[1] if bucket else arn)

    @cached_property
    def _resource_policies(self) -> dict[str, Policy]:
        found: dict[str, list[Any]] = defaultdict(list)
        for stack, logical_id, properties in self._find("AWS::IAM::Role"):
            found[self._arn(stack, logical_id)] += properties["AssumeRolePolicyDocument"]["Statement"]
        for stack, logical_id, properties in self._find("AWS::KMS::Key"):
            found[self._arn(stack, logical_id)] += properties["KeyPolicy"]["Statement"]
        for _stack, _logical_id, properties in self._find("AWS::S3::BucketPolicy"):
            found[f"arn:aws:s3:::{properties['Bucket']}"] += properties["PolicyDocument"]["Statement"]
        for _stack, _logical_id, properties in self._find("AWS::SNS::TopicPolicy"):
            for topic in properties["Topics"]:
                found[topic] += properties["PolicyDocument"]["Statement"]
        for _stack, _logical_id, properties in self._find("AWS::SQS::QueuePolicy"):
            for queue in properties["Queues"]:
                found[f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"] += properties["PolicyDocument"]["Statement"]
        for _stack, _logical_id, properties in self._find("AWS::Events::EventBusPolicy"):
            bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{properties['EventBusName']}"
            found[bus].append({"Sid": properties["StatementId"].replace("-", ""), **properties["Statement"]})
        return {arn: {"Version": "2012-10-17", "Statement": as_list(said)} for arn, said in found.items()}
