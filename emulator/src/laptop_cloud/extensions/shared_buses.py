"""Events are put to a bus of another account, by its ARN.

Who may is asked before (`resource_policies`). The event keeps the account that sent it; rules and archives of the bus
see it where the bus is.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from laptop_cloud.extensions.resource_policies import find_other_account
from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.extensions.resource_policies import Owned
    from laptop_cloud.ministack_seams import Function, Response

    Json = dict[str, Any]

_MOST_ENTRIES = 10
_SERVED = 200


def install() -> None:
    """Close the gap."""
    wrap(Seam.PUT_EVENTS, _with_other_accounts)


def _with_other_accounts(put: Function) -> Function:
    def put_events(data: Json, allow_aws_source: bool = False) -> Response:  # as MiniStack calls it
        entries = data.get("Entries", [])
        owners = [find_other_account("events", entry.get("EventBusName")) for entry in entries]
        if len(entries) > _MOST_ENTRIES or not any(owners):
            untouched: Response = put(data, allow_aws_source)
            return untouched
        ours = [entry for entry, owner in zip(entries, owners, strict=True) if owner is None]
        status, headers, body = put({**data, "Entries": ours}, allow_aws_source)
        if status != _SERVED:
            return status, headers, body
        answer = json.loads(body)
        of_ours = iter(answer["Entries"])
        results = [
            next(of_ours) if owner is None else _send(entry, owner)
            for entry, owner in zip(entries, owners, strict=True)
        ]
        failed = sum("ErrorCode" in result for result in results)
        return status, headers, json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()

    return put_events


def _send(entry: Json, owner: Owned) -> Json:
    source, bus = entry.get("Source", ""), owner.resource.removeprefix("event-bus/")
    if source.startswith("aws."):
        return {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": source,
        "DetailType": entry.get("DetailType", ""),
        "Detail": entry.get("Detail", "{}"),
        "EventBusName": bus,
        "Time": int(time.time()),
        "Resources": entry.get("Resources", []),
        "Account": current_account(),
        "Region": current_region(),
    }
    with in_scope(owner.account, owner.region):
        if bus not in reach(Seam.EVENT_BUSES):
            return {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Event bus {bus} does not exist."}
        reach(Seam.PUBLISHED_EVENTS)().append(event)
        reach(Seam.DISPATCH_EVENT)(event)
        reach(Seam.ARCHIVE_EVENT)(event)
    return {"EventId": event["EventId"]}
