"""S3 events on EventBridge name the object's version, and archives of the default bus receive them.

MiniStack knows the version when it fires an event, but leaves it out of the one for EventBridge, and hands that one to
the rules alone. On AWS the event of an object in a versioned bucket carries `version-id`:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import json
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_version_id: ContextVar[str | None] = ContextVar("_version_id", default=None)


def install() -> None:
    """Close the gap."""
    wrap(Seam.S3_EVENT, _with_version_at_hand)
    wrap(Seam.DISPATCH_EVENT, _with_version_in_s3_events)


def _with_version_at_hand(fire: Function) -> Function:
    def fire_event(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        token = _version_id.set(version_id)
        try:
            fire(*args, version_id=version_id, **kwargs)
        finally:
            _version_id.reset(token)

    return fire_event


def _with_version_in_s3_events(dispatch: Function) -> Function:
    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:
        if not _comes_straight_from_s3(event):
            dispatch(event, view)
            return
        # MiniStack's archives compare times as numbers, and S3 stamps its events with text.
        complete = {**event, "Detail": _with_version(event["Detail"]), "Time": int(time.time())}
        dispatch(complete)
        reach(Seam.ARCHIVE_EVENT)(complete)

    return dispatch_event


def _comes_straight_from_s3(event: dict[str, Any]) -> bool:
    """Not for the second time: neither forwarded from another bus nor replayed from an archive."""
    return event.get("Source") == "aws.s3" and "_DispatchPath" not in event and "ReplayName" not in event


def _with_version(detail: str) -> str:
    version_id = _version_id.get()
    if version_id is None:
        return detail
    parsed = json.loads(detail)
    parsed["object"]["version-id"] = version_id
    return json.dumps(parsed)
