"""Logs are read page by page, to their end.

MiniStack gives the first ten thousand lines and no token, so whoever asks for the last hour of a busy function never
sees the newest ones. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Response

MOST = 10_000
"""Lines of a page."""
_OK = 200

Json = dict[str, Any]


def install() -> None:
    """Close the gap."""
    wrap(Seam.FILTER_LOG_EVENTS, give_pages)


def give_pages(find: Function) -> Function:
    """Let a page say where the next one begins: at which moment, and after how many lines of it."""

    def filter_log_events(data: Json) -> Response:
        begin, told = _read_token(data)
        limit = min(int(data.get("limit", MOST)), MOST - told)
        status, headers, body = find({**data, "startTime": begin, "limit": limit + told})
        if status != _OK:
            return status, headers, body
        answer = json.loads(body)
        found = answer["events"]
        answer["events"] = found[told:]
        if len(found) == limit + told:
            last = found[-1]["timestamp"]
            answer["nextToken"] = f"{last}-{sum(event['timestamp'] == last for event in found)}"
        return status, headers, json.dumps(answer).encode()

    return filter_log_events


def _read_token(data: Json) -> tuple[int | None, int]:
    if "nextToken" not in data:
        return data.get("startTime"), 0
    begin, told = map(int, str(data["nextToken"]).split("-"))
    # More of one millisecond than a page holds: the rest of them is given up, for nobody would get past them.
    return (begin, told) if told < MOST else (begin + 1, 0)
