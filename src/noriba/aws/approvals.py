"""Who approved or rejected a model, as CloudTrail has it: the registry keeps the last decision alone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient

EVENT = "UpdateModelPackage"


class Decision(BaseModel):
    """What somebody said of a model in the registry."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    by: str
    status: str
    note: str | None = None


def list_decisions(cloudtrail: CloudTrailClient, package_arn: str, *, since: datetime) -> list[Decision]:
    """Decisions on a package, the oldest first; CloudTrail's own history reaches 90 days back.

    Found by the operation: an event need not name the package as its resource. Two look-ups a second are allowed.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
    """
    pages = cloudtrail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": EVENT}], StartTime=since
    )
    read = (_read(event.get("CloudTrailEvent", ""), package_arn) for page in pages for event in page["Events"])
    return sorted((decision for decision in read if decision is not None), key=lambda decision: decision.at)


def _read(text: str, package_arn: str) -> Decision | None:
    """What an event says of the package; None where it is about another one, was refused, or is no decision."""
    try:
        event: dict[str, Any] = json.loads(text)
        asked: dict[str, Any] = event["requestParameters"]
        if asked["modelPackageArn"] != package_arn or "errorCode" in event:
            return None
        return Decision(
            at=event["eventTime"],
            by=event["userIdentity"]["arn"],
            status=asked["modelApprovalStatus"],
            note=asked.get("approvalDescription"),
        )
    except (ValueError, KeyError, TypeError):
        return None
