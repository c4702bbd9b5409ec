"""EventBridge delivers as on AWS: dependably, to more targets, and to a dead-letter queue what cannot be delivered.

What MiniStack lacks and this adds:

- Rule to Lambda goes through Lambda's asynchronous path, so a failing function is retried and then its own dead-letter
  queue or failure destination receives the event.
  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
- Rule to Firehose.
- Rule to an event bus of another account, when that bus's policy lets the target's role in (`resource_policies`).
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
- A target that is gone, that cannot be reached, or that the rule may not deliver to sends the event to the target's
  dead-letter queue at once, with the attributes that say why.
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
- Whether it may is asked of the target's role, or of the policy of the function, queue or topic itself.
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#eb-target-permissions
- What was not delivered is counted, under the bus's name too where that is not the default one.
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from laptop_cloud.ministack_seams import (
    Seam,
    current_account,
    current_region,
    in_scope,
    put_metric,
    reach,
    wrap,
)
from laptop_cloud.policies import find_role_refusal, find_service_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.ministack_seams import Function

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_OUT_OF_REACH = "EventBridge on the laptop cloud delivers to Lambda, SQS, SNS, Step Functions, Firehose and event buses"


class _Arn(NamedTuple):
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, arn: str) -> _Arn:
        _, _, service, region, account, resource = arn.split(":", 5)
        return cls(service, region, account, resource)


class _UndeliverableError(Exception):
    """An event cannot be delivered, and trying again would not help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def install() -> None:
    """Close the gap."""
    wrap(Seam.TO_LAMBDA, lambda _original: _invoke_function)
    wrap(Seam.INVOKE_TARGET, _with_dead_letters)


def _with_dead_letters(invoke: Function) -> Function:
    def invoke_target(target: Json, event: Json, rule: Json, view: Any = None) -> None:
        view = view or reach(Seam.EVENT_VIEW)(event)
        try:
            _deliver(invoke, target, event, rule, view)
        except _UndeliverableError as fault:
            _give_up(target, view.event_with_detail(), rule, fault)

    return invoke_target


def _deliver(invoke: Function, target: Json, event: Json, rule: Json, view: Any) -> None:
    arn = _Arn.parse(target["Arn"])
    exists = _FINDERS.get(arn.service)
    if exists is None:
        raise _UndeliverableError("INTERNAL_ERROR", f"{_OUT_OF_REACH}; not to {target['Arn']}")
    if arn.service == "events" and arn.resource.startswith("event-bus/") and not _is_here(arn):
        _check_permission(arn, target, event, rule)
        _send_to_other_account(arn, target, event, rule, view)
        return
    if not _is_here(arn) or not exists(target["Arn"]):
        raise _UndeliverableError("NO_RESOURCE", f"Target {target['Arn']} does not exist.")
    _check_permission(arn, target, event, rule)
    if arn.service == "firehose":
        _put_record(arn.resource.removeprefix("deliverystream/"), _payload(target, rule, view))
    else:
        invoke(target, event, rule, view)


# --- does the target exist? ------------------------------------------------------------------------------------------


def _is_here(arn: _Arn) -> bool:
    return (arn.account, arn.region) == (current_account(), current_region())


def _exists_in(store: Seam, name: str) -> bool:
    return name in reach(store)


def _name_after(prefix: str, arn: str) -> str:
    return _Arn.parse(arn).resource.removeprefix(prefix)


_FINDERS: dict[str, Callable[[str], bool]] = {
    "lambda": lambda arn: reach(Seam.FIND_FUNCTION)(arn)[0] is not None,
    "sqs": lambda arn: reach(Seam.FIND_QUEUE)(arn) is not None,
    "sns": lambda arn: _exists_in(Seam.TOPICS, arn),
    "states": lambda arn: reach(Seam.FIND_STATE_MACHINE)(arn) is not None,
    "firehose": lambda arn: _exists_in(Seam.DELIVERY_STREAMS, _name_after("deliverystream/", arn)),
    "events": lambda arn: "event-bus/" not in arn or _exists_in(Seam.EVENT_BUSES, _name_after("event-bus/", arn)),
}
"""By service: does the target of an ARN in the current account and region exist? API destinations are MiniStack's."""


# --- may the rule deliver? --------------------------------------------------------------------------------------------

_AS_ITSELF = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}
_AS_A_ROLE = {"states": "states:StartExecution", "firehose": "firehose:PutRecord", "events": "events:PutEvents"}


def _check_permission(arn: _Arn, target: Json, event: Json, rule: Json) -> None:
    if arn.service in _AS_ITSELF:
        why = find_service_refusal("events", _AS_ITSELF[arn.service], target["Arn"], source=rule["Arn"])
    elif role := target.get("RoleArn"):
        # Of a bus, its policy is asked too; both keys are typed as arrays.
        keys = {"events:source": [event["Source"]], "events:detail-type": [event["DetailType"]]}
        why = find_role_refusal(role, _AS_A_ROLE[arn.service], target["Arn"], keys if arn.service == "events" else {})
    else:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
        needless = arn.service == "events" and arn.account == current_account()
        why = None if needless else f"Target {target['Arn']} has no role to deliver as."
    if why is not None:
        raise _UndeliverableError("NO_PERMISSIONS", why)


# --- the deliveries that MiniStack lacks -----------------------------------------------------------------------------


def _invoke_function(arn: str, payload: str) -> None:
    function, config, _name = reach(Seam.FIND_FUNCTION)(arn)
    reach(Seam.RUN_ASYNCHRONOUSLY)(reach(Seam.FUNCTION_VERSION)(function, config), json.loads(payload))


def _put_record(stream: str, payload: str) -> None:
    record = {"Data": base64.b64encode(payload.encode()).decode()}
    reach(Seam.PUT_RECORD)({"DeliveryStreamName": stream, "Record": record})


def _payload(target: Json, rule: Json, view: Any) -> str:
    """What the target is sent: the event, or what the target's input settings make of it."""
    if transformer := target.get("InputTransformer"):
        text: str = reach(Seam.TRANSFORM_INPUT)(transformer, rule, view)
        return text
    if constant := target.get("Input"):
        return str(constant)
    value = view.event_with_detail()
    for part in filter(None, target.get("InputPath", "").strip("$.").split(".")):
        value = value[part]
    return json.dumps(value)


def _send_to_other_account(arn: _Arn, target: Json, event: Json, rule: Json, view: Any) -> None:
    """Forward an event; as on AWS it keeps the account it came from."""
    sender, bus = current_account(), arn.resource.removeprefix("event-bus/")
    here = f"{rule['Name']}@{sender}"
    if here in event.get("_DispatchPath", ()):
        raise _UndeliverableError("THIRD_ACCOUNT_HOP_DETECTED", f"{target['Arn']} sent the event here itself.")
    detail = _payload(target, rule, view) if target.keys() & {"Input", "InputPath", "InputTransformer"} else None
    forwarded = {
        **event,
        "EventBusName": bus,
        "Region": arn.region,
        "_DispatchPath": [*event.get("_DispatchPath", ()), here],
        **({} if detail is None else {"Detail": detail}),
    }
    with in_scope(arn.account, arn.region):
        if not _exists_in(Seam.EVENT_BUSES, bus):
            raise _UndeliverableError("NO_RESOURCE", f"Event bus {target['Arn']} does not exist.")
        reach(Seam.DISPATCH_EVENT)(forwarded)
        reach(Seam.ARCHIVE_EVENT)({key: value for key, value in forwarded.items() if key != "_DispatchPath"})


# --- the dead-letter queue -------------------------------------------------------------------------------------------


def _give_up(target: Json, event: Json, rule: Json, fault: _UndeliverableError) -> None:
    bus = rule.get("EventBusName", "default")
    dimensions = {"RuleName": rule["Name"]} | ({} if bus == "default" else {"EventBusName": bus})
    put_metric("AWS/Events", "FailedInvocations", 1, unit="Count", dimensions=dimensions)
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = reach(Seam.FIND_QUEUE)(queue_arn) if queue_arn else None
    refused = queue and find_service_refusal("events", "sqs:SendMessage", queue_arn, source=rule["Arn"])
    if queue is None or refused:
        _log.warning("rule %s dropped event %s: %s", rule["Name"], event.get("id"), refused or fault)
        if refused:
            put_metric("AWS/Events", "InvocationsFailedToBeSentToDlq", 1, unit="Count", dimensions=dimensions)
        return
    attributes = {
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": fault.code,
        "ERROR_MESSAGE": str(fault),
    }
    message = {
        "QueueUrl": queue["url"],
        "MessageBody": json.dumps(event),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    reach(Seam.SEND_MESSAGE)(message, queue["url"])
    put_metric("AWS/Events", "InvocationsSentToDlq", 1, unit="Count", dimensions=dimensions)
