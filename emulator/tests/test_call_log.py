"""Whoever calls is recorded: what on what, and whether they were let."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.permissions import act_as, allow, refusal
from laptop_cloud.calls import OTHERS, read_calls
from laptop_cloud.extensions.call_log import CallLog, cut_resource, describe_principal, select_keys

if TYPE_CHECKING:
    from emulator.tests.conftest import Clients, Eventually, Role
    from laptop_cloud.calls import RecordedCall
    from laptop_cloud.process import RunningCloud

ACCOUNT = "123456789012"


def find_calls(cloud: RunningCloud, principal: str) -> list[RecordedCall]:
    return [call for call in read_calls(cloud) if call.principal == principal]


def test_calls_over_http_are_recorded_by_role_without_the_names_of_objects(
    cloud: RunningCloud, client: Clients, role: Role, name: str
) -> None:
    client("s3").create_bucket(Bucket=name)
    session = act_as(cloud, client, role(allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{name}/rides/*")))
    s3 = session.client("s3", endpoint_url=cloud.endpoint_url)
    s3.put_object(Bucket=name, Key="rides/ada.csv", Body=b"rows")
    s3.get_object(Bucket=name, Key="rides/ada.csv")
    s3.get_object(Bucket=name, Key="rides/ada.csv")
    assert refusal(s3.get_object, Bucket=name, Key="people/ada.csv") == "AccessDenied"

    found = find_calls(cloud, f"role/{name}")
    assert {(call.action, call.resource.removeprefix("arn:aws:s3:::"), call.allowed, call.count) for call in found} == {
        ("s3:PutObject", f"{name}/rides/", True, 1),
        ("s3:GetObject", f"{name}/rides/", True, 2),
        ("s3:GetObject", f"{name}/people/", False, 1),
    }
    assert {call.account for call in found} == {ACCOUNT}
    assert "ada" not in "".join(call.model_dump_json() for call in found)
    made = [call for call in find_calls(cloud, "root") if call.resource == f"arn:aws:s3:::{name}"]
    assert "s3:CreateBucket" in {call.action for call in made}


def test_what_a_machine_does_is_recorded_with_what_conditions_ask(
    cloud: RunningCloud, client: Clients, role: Role, name: str, eventually: Eventually
) -> None:
    states = client("stepfunctions")
    bus = f"arn:aws:events:{cloud.region}:{ACCOUNT}:event-bus/default"
    entry = {"Source": "app.orders", "DetailType": "Paid", "Detail": {"rider": "ada"}, "EventBusName": "default"}
    task = {
        "Type": "Task",
        "End": True,
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry, entry]},
    }
    definition = json.dumps({"StartAt": "Only", "States": {"Only": task}})
    who = role(allow(["events:PutEvents"], bus))
    machine = states.create_state_machine(name=name, definition=definition, roleArn=who)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")

    [call] = find_calls(cloud, f"role/{name}")
    assert (call.action, call.resource, call.allowed, call.count) == ("events:PutEvents", bus, True, 1)
    assert call.keys == {"events:source": ["app.orders"], "events:detail-type": ["Paid"]}


def test_a_role_that_is_handed_on_is_recorded(cloud: RunningCloud, client: Clients, role: Role, name: str) -> None:
    session = act_as(cloud, client, role(allow(["sagemaker:CreateModel"], "*")))
    sagemaker: Any = session.client("sagemaker", endpoint_url=cloud.endpoint_url)
    handed = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"

    assert refusal(sagemaker.create_model, ModelName=name, ExecutionRoleArn=handed, Containers=[])
    passed = next(call for call in find_calls(cloud, f"role/{name}") if call.action == "iam:PassRole")
    assert (passed.resource, passed.allowed) == (handed, False)
    assert passed.keys == {"iam:passedtoservice": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize(
    ("arn", "kept"),
    [
        ("arn:aws:s3:::rides/a/b/ada.csv/rows", "arn:aws:s3:::rides/a/b/"),
        ("arn:aws:s3:::rides/a/ada.csv", "arn:aws:s3:::rides/a/"),
        ("arn:aws:s3:::rides/ada.csv", "arn:aws:s3:::rides/"),
        ("arn:aws:s3:::rides", "arn:aws:s3:::rides"),
        ("arn:aws:execute-api:r:1:api/v1/GET/riders/ada", "arn:aws:execute-api:r:1:api/v1/GET/"),
        ("arn:aws:execute-api:r:1:api/v1/GET", "arn:aws:execute-api:r:1:api/v1/GET"),
        ("arn:aws:sagemaker:r:1:endpoint/eta", "arn:aws:sagemaker:r:1:endpoint/eta"),
        ("*", "*"),
    ],
)
def test_what_may_name_people_is_cut_off(arn: str, kept: str) -> None:
    assert cut_resource(arn) == kept


@pytest.mark.parametrize(
    ("arn", "who"),
    [
        ("arn:aws:sts::123456789012:assumed-role/trainer/ada", ("123456789012", "role/trainer")),
        ("arn:aws:iam::123456789012:user/deployer", ("123456789012", "user/deployer")),
        ("arn:aws:iam::123456789012:root", ("123456789012", "root")),
    ],
)
def test_a_session_is_its_role_s(arn: str, who: tuple[str, str]) -> None:
    assert describe_principal(arn) == who


def test_values_that_may_be_data_are_not_kept() -> None:
    context = {"s3:prefix": "riders/ada", "aws:TagKeys": None, "events:source": ["b", "a", "b"]}

    assert select_keys(context) == {"s3:prefix": None, "events:source": ["a", "b"]}


def test_rows_are_bounded_and_nothing_is_lost() -> None:
    log = CallLog(rows_at_most=1)
    for number in range(4):
        log.count(("1", "role/a", "s3:GetObject", f"arn:aws:s3:::{number}/", "{}", True))

    assert [(call["resource"], call["count"]) for call in log.list_calls()] == [(OTHERS, 3), ("arn:aws:s3:::0/", 1)]
