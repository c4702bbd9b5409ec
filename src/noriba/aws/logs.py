"""Log groups and what stands in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_logs import CloudWatchLogsClient

SAGEMAKER_GROUPS = {
    "training": "/aws/sagemaker/TrainingJobs",
    "evaluation": "/aws/sagemaker/ProcessingJobs",
}


class LogLine(BaseModel):
    """One line."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    stream: str
    message: str


def find_groups(cloudformation: CloudFormationClient, *, stacks: list[str]) -> dict[str, str]:
    """Log groups of stacks by a short name: `predict`, `ingest`, …."""
    groups = {}
    for stack in stacks:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for page in pages:
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] == "AWS::Logs::LogGroup":
                    groups[_shorten(resource["LogicalResourceId"])] = resource["PhysicalResourceId"]
    return groups


def read_lines(
    logs: CloudWatchLogsClient, group: str, *, since: datetime, stream_prefix: str | None = None
) -> Iterator[LogLine]:
    """Lines of a group since a moment, in order; nothing when the group is not there yet."""
    start = int(since.timestamp() * 1000)
    paginator = logs.get_paginator("filter_log_events")
    pages = (
        paginator.paginate(logGroupName=group, startTime=start, logStreamNamePrefix=stream_prefix)
        if stream_prefix
        else paginator.paginate(logGroupName=group, startTime=start)
    )
    try:
        for page in pages:
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield LogLine(at=at, stream=event["logStreamName"], message=event["message"].rstrip())
    except logs.exceptions.ResourceNotFoundException:
        return


def _shorten(logical_id: str) -> str:
    """`PredictLogsBEA51BD8` → `predict`, `CommitSnapshotLogs839A9320` → `commit-snapshot`."""
    name = logical_id[:-8].removesuffix("Logs")
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
