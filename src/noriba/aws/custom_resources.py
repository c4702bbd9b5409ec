"""What CloudFormation wants to hear of a resource that a function looks after.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
from http import HTTPMethod
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

_LONGEST_REASON = 3000
"""An answer holds 4 KB in all."""


def is_rolled_back(cloudformation: CloudFormationClient, event: Mapping[str, Any]) -> bool:
    """Is the request part of undoing a deployment? It looks like any other: an Update to the former properties.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-status-codes.html
    """
    [stack] = cloudformation.describe_stacks(StackName=event["StackId"])["Stacks"]
    return "ROLLBACK" in stack["StackStatus"]


def answer_cloudformation(event: Mapping[str, Any], *, resource_id: str, refusal: str | None = None) -> None:
    """Say that a resource is as asked for, or why it cannot be, which undoes the deployment.

    Args:
        event: CloudFormation's request.
        resource_id: the resource's own; the same one always, so that nothing is ever replaced.
        refusal: the reason, for the person who deploys; None when all is well.
    """
    answer = {
        "Status": "SUCCESS" if refusal is None else "FAILED",
        "Reason": "" if refusal is None else refusal[:_LONGEST_REASON],
        "PhysicalResourceId": resource_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    # A signed URL of S3; a content type of any kind would break the signature.
    request = Request(event["ResponseURL"], json.dumps(answer).encode(), {"content-type": ""}, method=HTTPMethod.PUT)  # noqa: S310  # CloudFormation's own URL
    with urlopen(request, timeout=10):  # noqa: S310  # as above
        pass
