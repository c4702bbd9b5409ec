"""What the loop touched: each resource of each account that its own roles did something with, by the call log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from laptop_cloud.calls import OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laptop_cloud.calls import RecordedCall
    from noriba.client import Session

# What an ARN calls a thing, and what CloudFormation calls it.
_TYPES = {
    ("athena", "datacatalog"): "AWS::Athena::DataCatalog",
    ("athena", "workgroup"): "AWS::Athena::WorkGroup",
    ("cloudformation", "stack"): "AWS::CloudFormation::Stack",
    ("cloudwatch", "alarm"): "AWS::CloudWatch::Alarm",
    ("dynamodb", "table"): "AWS::DynamoDB::Table",
    ("ecr", "repository"): "AWS::ECR::Repository",
    ("events", "event-bus"): "AWS::Events::EventBus",
    ("events", "rule"): "AWS::Events::Rule",
    ("firehose", "deliverystream"): "AWS::KinesisFirehose::DeliveryStream",
    ("glue", "database"): "AWS::Glue::Database",
    ("glue", "table"): "AWS::Glue::Table",
    ("iam", "role"): "AWS::IAM::Role",
    ("kms", "key"): "AWS::KMS::Key",
    ("lambda", "function"): "AWS::Lambda::Function",
    ("logs", "log-group"): "AWS::Logs::LogGroup",
    ("sagemaker", "endpoint"): "AWS::SageMaker::Endpoint",
    ("sagemaker", "endpoint-config"): "AWS::SageMaker::EndpointConfig",
    ("sagemaker", "model"): "AWS::SageMaker::Model",
    ("sagemaker", "model-package"): "AWS::SageMaker::ModelPackage",
    ("sagemaker", "model-package-group"): "AWS::SageMaker::ModelPackageGroup",
    ("ssm", "parameter"): "AWS::SSM::Parameter",
    ("states", "stateMachine"): "AWS::StepFunctions::StateMachine",
}
# Services whose ARNs name no kind.
_ONLY = {
    "execute-api": "AWS::ApiGateway::RestApi",
    "s3": "AWS::S3::Bucket",
    "sns": "AWS::SNS::Topic",
    "sqs": "AWS::SQS::Queue",
}
# What follows such a name is a version, an index or a run of the same thing.
_ENDS = {
    ("cloudformation", "stack"): "/",
    ("dynamodb", "table"): "/",
    ("lambda", "function"): ":",
    ("logs", "log-group"): ":",
    ("states", "execution"): ":",
    ("states", "express"): ":",
    ("states", "mapRun"): "/",
}
_RUNS = {"execution", "express", "mapRun"}
_ARN = re.compile(r"arn:[\w-]+:(?P<service>[\w-]+):[\w-]*:(?P<account>\d{12})?:(?P<rest>.+)")


class Resource(NamedTuple):
    """A resource, by the type that CloudFormation knows it by where it does, else by `service:kind`."""

    account: str
    type: str
    name: str


def list_resources(session: Session, calls: Iterable[RecordedCall]) -> list[dict[str, str]]:
    """The resources that the roles of a deployment did something with, sorted, each once.

    Args:
        session: of the deployment; its accounts are asked which buckets are theirs, which no ARN says.
        calls: as the laptop cloud recorded them.
    """
    owners = {
        bucket["Name"]: place.account
        for place in session.places
        for bucket in place.clients.s3.list_buckets()["Buckets"]
    }
    found = find_resources(calls, prefix=session.prefix, owners=owners)
    return [resource._asdict() for resource in sorted(found)]


def find_resources(calls: Iterable[RecordedCall], *, prefix: str, owners: Mapping[str, str]) -> set[Resource]:
    """What roles whose names begin with the prefix were let do something with; what was refused is not touched.

    Args:
        calls: as the laptop cloud recorded them.
        prefix: of the deployment.
        owners: the account of each bucket.
    """
    return {
        resource
        for call in calls
        if call.allowed and call.principal.startswith(f"role/{prefix}-") and call.resource != OTHERS
        for resource in _read(call, owners)
    }


def _read(call: RecordedCall, owners: Mapping[str, str]) -> Iterable[Resource]:
    """The resource of a call; none where it is about no single one, as a list of all is."""
    found = _ARN.fullmatch(call.resource)
    if found is None or "*" in found["rest"].removesuffix(":*"):
        return ()
    service, account = found["service"], found["account"] or call.account
    kind, _, name = re.sub("[:/]", "\0", found["rest"], count=1).partition("\0")
    if service in _ONLY:
        return [Resource(owners.get(kind, account) if service == "s3" else account, _ONLY[service], kind)]
    name = name.split(_ENDS.get((service, kind), "\0"))[0]
    if service == "states" and kind in _RUNS:
        kind = "stateMachine"
    return [Resource(account, _TYPES.get((service, kind), f"{service}:{kind}"), name)]
