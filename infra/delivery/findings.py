"""Patterns in the policies that CDK writes for a pipeline, each with its reason; what has none here is a finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

_ARTIFACTS = "what an action hands to the next is named by CodePipeline, in this one bucket and by this one key"
_LOGS = "CodeBuild names streams and reports in groups of the project's own name"
_REASONS = (
    (r"Action::(s3|kms):\w+\*", _ARTIFACTS),
    (r"Resource::<Artifacts\w+\.Arn>/\*", _ARTIFACTS),
    (r"Resource::arn:.*:logs:.*:log-group:/aws/codebuild/(<\w+>:)?\*", _LOGS),
    (r"Resource::arn:.*:codebuild:.*:report-group/(<\w+>-)?\*", _LOGS),
    (
        r"Resource::arn:\*:iam::\d{12}:role/\*",
        "by a tag that the roles of CDK's bootstrap alone have: the pipeline deploys its own stacks as they do",
    ),
    (
        r"Resource::\*",
        "a registry's token knows no resource; whether CDK's bootstrap is there is asked before its names are known",
    ),
)


def acknowledge_patterns(scope: IConstruct) -> None:
    """Say of each pattern in a scope's policies why it stands, when everything that writes them is there."""
    for found in scope.node.find_all():
        if isinstance(found, iam.CfnPolicy):
            for pattern in _find_patterns(found):
                for known, reason in _REASONS:
                    if re.fullmatch(known, pattern):
                        acknowledge(found, f"AwsSolutions-IAM5[{pattern}]", reason=reason)


def _find_patterns(policy: iam.CfnPolicy) -> Iterator[str]:
    document = Stack.of(policy).resolve(policy.policy_document)
    for statement in document["Statement"]:
        for kind in ("Action", "Resource"):
            for value in _list(statement[kind]):
                text = _write(value)
                if "*" in text:
                    yield f"{kind}::{text}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _write(value: Any) -> str:
    """A value as cdk-nag writes it."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_write(part) for part in parts)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([\w:]+)\}", r"<\1>", text)
    return str(value)
