"""CloudFormation types and properties that MiniStack lacks, with the behaviour behind them.

- `AWS::Events::Archive` really archives, and replays: MiniStack has the API, not the type.
  https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
- `AWS::Events::EventBusPolicy` decides which accounts may send to a bus (`eventbridge_delivery`).
  https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
- `AWS::CloudWatch::CompositeAlarm`: MiniStack has the API, not the type.
  https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
- `Ref` of an `AWS::Events::Rule` names the bus too, where it is not the default one.
  https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1131
- `AWS::Lambda::Function` takes its dead-letter queue and its reserved concurrency, which MiniStack drops.
"""

from __future__ import annotations

import json
from typing import Any

from laptop_cloud.ministack_seams import (
    Seam,
    complete_resource_type,
    current_account,
    current_region,
    generated_name,
    identify_resource_type,
    reach,
    register_resource_type,
)

_ARCHIVE_NAME_LENGTH = 48
_FIRST_ERROR_STATUS = 400

Properties = dict[str, Any]


def install() -> None:
    """Register the types."""
    register_resource_type(
        "AWS::Events::Archive",
        _create_archive,
        _delete_archive,
        _update_archive,
        replacing_properties=("ArchiveName", "SourceArn"),
    )
    register_resource_type(
        "AWS::Events::EventBusPolicy",
        _create_bus_policy,
        _delete_bus_policy,
        _update_bus_policy,
        replacing_properties=("EventBusName", "StatementId"),
    )
    register_resource_type(
        "AWS::CloudWatch::CompositeAlarm",
        _create_composite_alarm,
        _delete_composite_alarm,
        _update_composite_alarm,
        replacing_properties=("AlarmName",),
    )
    identify_resource_type("AWS::Events::Rule", _identify_rule, lambda physical_id: physical_id.rpartition("|")[2])
    complete_resource_type("AWS::Lambda::Function", _complete_function)


def _answer(response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    """The body of an API's answer.

    Raises:
        ValueError: the API refused; its message becomes the reason of the failed resource.
    """
    status, _, body = response
    answer: dict[str, Any] = json.loads(body)
    if status >= _FIRST_ERROR_STATUS:
        raise ValueError(answer.get("message", answer))
    return answer


# --- AWS::Events::Archive --------------------------------------------------------------------------------------------


def _archive_request(name: str, properties: Properties) -> dict[str, Any]:
    pattern = properties.get("EventPattern")
    return {
        "ArchiveName": name,
        "Description": properties.get("Description", ""),
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern) if pattern else "",
        "RetentionDays": int(properties.get("RetentionDays", 0)),
    }


def _create_archive(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Properties]:
    name = properties.get("ArchiveName") or generated_name(stack_name, logical_id, max_length=_ARCHIVE_NAME_LENGTH)
    request = {**_archive_request(name, properties), "EventSourceArn": properties["SourceArn"]}
    return name, {"Arn": _answer(reach(Seam.CREATE_ARCHIVE)(request))["ArchiveArn"], "ArchiveName": name}


def _update_archive(name: str, _old: Properties, properties: Properties, _stack_name: str) -> tuple[str, Properties]:
    answer = _answer(reach(Seam.UPDATE_ARCHIVE)(_archive_request(name, properties)))
    return name, {"Arn": answer["ArchiveArn"], "ArchiveName": name}


def _delete_archive(name: str, _properties: Properties) -> None:
    reach(Seam.DELETE_ARCHIVE)({"ArchiveName": name})


# --- AWS::Events::EventBusPolicy -------------------------------------------------------------------------------------


def _statement(properties: Properties) -> dict[str, Any]:
    """The policy statement, from `Statement` or from the older properties that spell out its parts."""
    bus = properties.get("EventBusName", "default")
    given = properties.get("Statement")
    if given is not None:
        statement: dict[str, Any] = json.loads(given) if isinstance(given, str) else dict(given)
    else:
        statement = {
            "Effect": "Allow",
            "Principal": _principal(str(properties["Principal"])),
            "Action": properties.get("Action", "events:PutEvents"),
            "Resource": f"arn:aws:events:{current_region()}:{current_account()}:event-bus/{bus}",
        }
        if condition := properties.get("Condition"):
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return {**statement, "Sid": properties["StatementId"]}


def _principal(account: str) -> str | dict[str, str]:
    return "*" if account == "*" else {"AWS": f"arn:aws:iam::{account}:root"}


def _create_bus_policy(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Properties]:
    bus = properties.get("EventBusName", "default")
    if bus not in reach(Seam.EVENT_BUSES):
        raise ValueError(f"Event bus {bus} does not exist.")
    physical_id = f"{bus}|{properties['StatementId']}"
    _delete_bus_policy(physical_id, properties)
    policies = reach(Seam.EVENT_BUS_POLICIES)
    policy = policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
    policy["Statement"].append(_statement(properties))
    return physical_id, {}


def _update_bus_policy(
    _physical_id: str, _old: Properties, properties: Properties, stack_name: str
) -> tuple[str, Properties]:
    return _create_bus_policy("", properties, stack_name)


def _delete_bus_policy(physical_id: str, _properties: Properties) -> None:
    bus, _, statement_id = physical_id.partition("|")
    policies = reach(Seam.EVENT_BUS_POLICIES)
    policy = policies.get(bus)
    if policy is None:
        return
    policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != statement_id]
    if not policy["Statement"]:
        del policies[bus]


# --- AWS::Events::Rule -----------------------------------------------------------------------------------------------


def _identify_rule(name: str, properties: Properties) -> str:
    # The property takes a bus's name or its ARN.
    bus = properties.get("EventBusName", "default").rpartition("event-bus/")[2]
    return name if bus == "default" else f"{bus}|{name}"


# --- AWS::CloudWatch::CompositeAlarm ----------------------------------------------------------------------------------


def _create_composite_alarm(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Properties]:
    name = properties.get("AlarmName") or generated_name(stack_name, logical_id)
    _answer(reach(Seam.PUT_COMPOSITE_ALARM)({}, {**properties, "AlarmName": name}, is_cbor=False, is_json=True))
    return name, {"Arn": f"arn:aws:cloudwatch:{current_region()}:{current_account()}:alarm:{name}"}


def _update_composite_alarm(
    name: str, _old: Properties, properties: Properties, stack_name: str
) -> tuple[str, Properties]:
    return _create_composite_alarm("", {**properties, "AlarmName": name}, stack_name)


def _delete_composite_alarm(name: str, _properties: Properties) -> None:
    _answer(reach(Seam.DELETE_ALARMS)({}, {"AlarmNames": [name]}, is_cbor=False, is_json=True))


# --- AWS::Lambda::Function -------------------------------------------------------------------------------------------


def _complete_function(name: str, properties: Properties) -> None:
    function = reach(Seam.FUNCTIONS)[name]
    if dead_letters := properties.get("DeadLetterConfig"):
        function["config"]["DeadLetterConfig"] = dead_letters
    concurrency = properties.get("ReservedConcurrentExecutions")
    if concurrency is not None:
        _answer(reach(Seam.RESERVE_CONCURRENCY)(name, {"ReservedConcurrentExecutions": int(concurrency)}))
