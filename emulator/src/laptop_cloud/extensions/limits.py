"""What AWS refuses for its size or its form, and MiniStack takes.

- `PutEvents` without entries, or with entries that are too large together, is refused as a whole; an entry without a
  source, a detail type or a detail, or whose detail is no JSON object, is refused by itself.
  https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
- A task's input or output over 256 KiB fails the execution with `States.DataLimitExceeded`, which no `States.ALL`
  catches. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
- A key of S3 has at most 1,024 bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html

Those of DynamoDB's keys and items MiniStack keeps by itself; those of Lambda stand in `lambda_environment`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, task_error, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function, Response

MOST_EVENT_BYTES = 256 * 1024
MOST_STATE_BYTES = 256 * 1024
MOST_KEY_BYTES = 1024
_REQUIRED = ("Source", "DetailType", "Detail")

Json = dict[str, Any]


def install() -> None:
    """Close the gaps."""
    wrap(Seam.PUT_EVENTS, _with_refused_entries)
    wrap(Seam.EXECUTE_TASK, _with_limited_data)
    wrap(Seam.PUT_OBJECT, _with_limited_keys)


# --- EventBridge -----------------------------------------------------------------------------------------------------


def _with_refused_entries(put: Function) -> Function:
    def put_events(data: Json, allow_aws_source: bool = False) -> Response:
        entries = data.get("Entries") or []
        if allow_aws_source:
            answer: Response = put(data, allow_aws_source)
            return answer
        if not entries:
            return _refuse(
                "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have "
                "length greater than or equal to 1"
            )
        if sum(map(_measure, entries)) >= MOST_EVENT_BYTES:
            return _refuse("Total size of the entries in the request is over the limit.")
        faults = [_find_fault(entry) for entry in entries]
        good = [entry for entry, fault in zip(entries, faults, strict=True) if fault is None]
        status, headers, body = put({**data, "Entries": good})
        if status != 200 or len(good) == len(entries):  # noqa: PLR2004 -- HTTP
            return status, headers, body
        told = json.loads(body)
        answers = iter(told["Entries"])
        merged = [next(answers) if fault is None else fault for fault in faults]
        failed = told["FailedEntryCount"] + len(entries) - len(good)
        return status, headers, json.dumps({"FailedEntryCount": failed, "Entries": merged}).encode()

    return put_events


def _find_fault(entry: Json) -> Json | None:
    for name in _REQUIRED:
        if not entry.get(name):
            return _fault("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    try:
        detail = json.loads(entry["Detail"]) if isinstance(entry["Detail"], str) else entry["Detail"]
    except ValueError:
        detail = None
    return None if isinstance(detail, dict) else _fault("MalformedDetail", "Detail is malformed.")


def _fault(code: str, message: str) -> Json:
    return {"ErrorCode": code, "ErrorMessage": message}


def _measure(entry: Json) -> int:
    texts = [entry.get(name) for name in _REQUIRED] + list(entry.get("Resources") or [])
    text_bytes = sum(len(_write(text).encode()) for text in texts if text is not None)
    return text_bytes + (14 if "Time" in entry else 0)


def _refuse(message: str) -> Response:
    body = {"__type": "ValidationException", "message": message}
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


# --- Step Functions --------------------------------------------------------------------------------------------------


def _with_limited_data(execute: Function) -> Function:
    def execute_task(state: Json, task_input: Any, execution: Json, *rest: Any) -> Any:
        _hold_to_limit("input", task_input)
        output, following = execute(state, task_input, execution, *rest)
        _hold_to_limit("output", output)
        return output, following

    return execute_task


def _hold_to_limit(what: str, data: Any) -> None:
    size = len(json.dumps(data, separators=(",", ":"), ensure_ascii=False, default=str).encode())
    if size > MOST_STATE_BYTES:
        raise task_error(
            "States.DataLimitExceeded",
            f"The state/task returned a result with a size exceeding the maximum number of bytes service limit: its "
            f"{what} has {size} bytes, and {MOST_STATE_BYTES} are allowed.",
        )


# --- S3 --------------------------------------------------------------------------------------------------------------


def _with_limited_keys(put: Function) -> Function:
    def put_object(bucket: str, key: str, *rest: Any) -> Response:
        if len(key.encode()) > MOST_KEY_BYTES:
            error: Response = reach(Seam.S3_ERROR)("KeyTooLongError", "Your key is too long", 400, f"/{bucket}/{key}")
            return error
        answer: Response = put(bucket, key, *rest)
        return answer

    return put_object


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
