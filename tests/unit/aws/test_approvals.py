"""Decisions on a model, out of what CloudTrail tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from noriba.aws.approvals import Decision, list_decisions

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient

PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/noriba-taxi-eta/7"
APPROVER = "arn:aws:sts::123456789012:assumed-role/approver/ada"
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


def tell(at: datetime, status: str, *, package: str = PACKAGE, **more: Any) -> dict[str, Any]:
    """An event as CloudTrail records calls: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html"""
    event = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AssumedRole", "arn": APPROVER},
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "sagemaker.amazonaws.com",
        "eventName": "UpdateModelPackage",
        "requestParameters": {
            "modelPackageArn": package,
            "modelApprovalStatus": status,
            "approvalDescription": f"{status}, by ada",
        },
        **more,
    }
    return {"EventName": "UpdateModelPackage", "CloudTrailEvent": json.dumps(event)}


def ask(*pages: list[dict[str, Any]]) -> list[Decision]:
    asked: list[dict[str, Any]] = []

    def paginate(**how: Any) -> list[dict[str, Any]]:
        asked.append(how)
        return [{"Events": page} for page in pages]

    trail = SimpleNamespace(get_paginator=lambda _operation: SimpleNamespace(paginate=paginate))
    found = list_decisions(cast("CloudTrailClient", trail), PACKAGE, since=AT)
    assert [how["StartTime"] for how in asked] == [AT]
    return found


def test_decisions_come_in_order_of_time_though_cloudtrail_tells_the_newest_first() -> None:
    later = AT + timedelta(hours=1)
    found = ask([tell(later, "Approved")], [tell(AT, "PendingManualApproval")])

    assert [(one.at, one.status) for one in found] == [(AT, "PendingManualApproval"), (later, "Approved")]
    assert {one.by for one in found} == {APPROVER}
    assert found[1].note == "Approved, by ada"


def test_what_was_refused_decided_nothing() -> None:
    assert ask([tell(AT, "Approved", errorCode="AccessDenied")]) == []


def test_other_packages_are_left_out() -> None:
    assert ask([tell(AT, "Approved", package=PACKAGE.replace("/7", "/70"))]) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"requestParameters": null}', '{"requestParameters": {}}'])
def test_an_event_that_says_nothing_is_none(text: str) -> None:
    assert ask([{"EventName": "UpdateModelPackage", "CloudTrailEvent": text}]) == []
