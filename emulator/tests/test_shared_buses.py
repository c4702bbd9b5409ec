"""Events are put to a bus of another account by who may, and keep the account that sent them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.tests.conftest import NEIGHBOUR, deploy, make_role
from emulator.tests.permissions import act_as, allow, refusal

if TYPE_CHECKING:
    from emulator.tests.conftest import Acting, Clients, Queue, Role, Run
    from laptop_cloud.process import RunningCloud

REFUSED = {"AccessDenied", "AccessDeniedException"}
PUT = "events:PutEvents"


@pytest.fixture
def bus(client: Clients, name: str) -> str:
    """The ARN of a bus that lets in nobody else."""
    return str(client("events").create_event_bus(Name=name)["EventBusArn"])


@pytest.fixture
def inbox(client: Clients, queue: Queue, name: str, bus: str) -> Queue:
    """What the bus's rule delivers to, in the account of the bus."""
    del bus
    client("events").put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    client("events").put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    return queue


def let_in(client: Clients, bus: str, principal: Any, **condition: dict[str, Any]) -> None:
    """Let others put events to a bus."""
    name = bus.rpartition("/")[2]
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": PUT, "Resource": bus}
    if condition:
        statement["Condition"] = condition
    properties = {"EventBusName": name, "StatementId": "them", "Statement": statement}
    template = {"Resources": {"Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": properties}}}
    deploy(client, name, template)


def entry(name: str, bus: str, **more: Any) -> dict[str, Any]:
    return {"Source": name, "DetailType": "Paid", "Detail": json.dumps(more), "EventBusName": bus}


def test_an_event_reaches_the_bus_of_another_account(
    client: Clients, cloud: RunningCloud, acting: Acting, name: str, bus: str, inbox: Queue
) -> None:
    archive = client("events").create_archive(ArchiveName=name, EventSourceArn=bus)["ArchiveArn"]
    let_in(client, bus, {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{name}"})
    events = acting("events", allow([PUT], bus))

    answer = events.put_events(Entries=[entry(name, bus, n=1)])

    assert answer["FailedEntryCount"] == 0
    event = inbox.receive_json()
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert (event["account"], event["region"], event["detail"]) == (NEIGHBOUR, cloud.region, {"n": 1})
    assert client("events").describe_archive(ArchiveName=archive.rpartition("/")[2])["EventCount"] == 1


@pytest.mark.parametrize("principal", [NEIGHBOUR, f"arn:aws:iam::{NEIGHBOUR}:root"])
def test_a_bus_lets_in_a_whole_account(
    client: Clients, acting: Acting, name: str, bus: str, inbox: Queue, principal: str
) -> None:
    let_in(client, bus, {"AWS": principal})

    acting("events", allow([PUT], bus)).put_events(Entries=[entry(name, bus)])

    assert inbox.receive_json()["account"] == NEIGHBOUR


def test_an_account_is_let_in_by_its_digits(
    client: Clients, neighbour: Clients, name: str, bus: str, inbox: Queue
) -> None:
    client("events").put_permission(EventBusName=name, StatementId="them", Principal=NEIGHBOUR, Action=PUT)

    neighbour("events").put_events(Entries=[entry(name, bus)])

    assert inbox.receive_json()["account"] == NEIGHBOUR


def test_events_to_several_buses_are_answered_in_their_order(
    client: Clients, acting: Acting, name: str, bus: str, inbox: Queue, cloud: RunningCloud
) -> None:
    let_in(client, bus, {"AWS": NEIGHBOUR})
    own = f"arn:aws:events:{cloud.region}:{NEIGHBOUR}:event-bus/default"
    events = acting("events", allow([PUT], bus), allow([PUT], own))

    bad = {**entry(name, bus), "Detail": "no object"}
    [first, second, third] = events.put_events(Entries=[entry(name, "default"), bad, entry(name, bus, n=3)])["Entries"]

    assert second["ErrorCode"] == "MalformedDetail"
    assert inbox.receive_json()["id"] == third["EventId"] != first["EventId"]


def test_who_may_not_by_their_own_policy_is_refused(client: Clients, acting: Acting, name: str, bus: str) -> None:
    let_in(client, bus, {"AWS": NEIGHBOUR})
    events = acting("events", allow([PUT], f"{bus}-other"))

    assert refusal(events.put_events, Entries=[entry(name, bus)]) in REFUSED


def test_who_is_not_let_in_by_the_bus_is_refused(neighbour: Clients, acting: Acting, name: str, bus: str) -> None:
    events = acting("events", allow([PUT], bus))

    assert refusal(events.put_events, Entries=[entry(name, bus)]) in REFUSED
    assert refusal(neighbour("events").put_events, Entries=[entry(name, bus)]) in REFUSED
    assert refusal(events.put_events, Entries=[entry(name, f"{bus}-gone")]) in REFUSED


def test_a_bus_asks_for_what_source_it_lets_somebody_in(
    client: Clients, acting: Acting, name: str, bus: str, inbox: Queue
) -> None:
    only = {"ForAllValues:StringEquals": {"events:source": name}, "Null": {"events:source": "false"}}
    let_in(client, bus, {"AWS": NEIGHBOUR}, **only)
    events = acting("events", allow([PUT], bus))

    assert refusal(events.put_events, Entries=[entry("app.money", bus)]) in REFUSED
    events.put_events(Entries=[entry(name, bus)])
    assert inbox.receive_json()["source"] == name


def test_nobody_speaks_in_the_name_of_aws(client: Clients, acting: Acting, bus: str) -> None:
    let_in(client, bus, {"AWS": NEIGHBOUR})

    [answer] = acting("events", allow([PUT], bus)).put_events(Entries=[entry("aws.s3", bus)])["Entries"]

    assert answer["ErrorCode"] == "NotAuthorizedForSourceException"


@pytest.mark.parametrize("let", [True, False], ids=["let in", "not let in"])
def test_a_task_puts_events_to_the_bus_of_another_account(  # fixtures
    client: Clients, their_role: Role, run_there: Run, name: str, bus: str, inbox: Queue, let: bool
) -> None:
    if let:
        let_in(client, bus, {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{name}"})
    event = {**entry(name, bus), "Detail": {"n": 1}}
    ended = run_there(
        their_role(allow([PUT], bus)),
        {"Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [event]}},
    )

    if let:
        assert ended["status"] == "SUCCEEDED"
        assert inbox.receive_json()["account"] == NEIGHBOUR
    else:
        assert ended["error"] == "States.Permissions"


def test_a_task_is_asked_about_each_bus(
    client: Clients, cloud: RunningCloud, their_role: Role, run_there: Run, name: str, bus: str
) -> None:
    let_in(client, bus, {"AWS": NEIGHBOUR})
    own = f"arn:aws:events:{cloud.region}:{NEIGHBOUR}:event-bus/default"
    events = [{**entry(name, to), "Detail": {}} for to in ("default", bus)]
    task = {"Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": events}}

    assert run_there(their_role(allow([PUT], own)), task)["error"] == "States.Permissions"


def test_a_bus_refuses_others_of_its_own_account_what_it_says(  # fixtures
    client: Clients, cloud: RunningCloud, name: str, bus: str, inbox: Queue
) -> None:
    """Who speaks in the name of a part must be of that part, whatever their own policy says."""
    speakers = f"arn:aws:iam::{cloud.account}:role/{name}-speaks*"
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": PUT,
        "Resource": bus,
        "Condition": {
            "ForAnyValue:StringEquals": {"events:source": [name]},
            "ForAnyValue:StringNotEquals": {"events:detail-type": ["Asked"]},
            "ArnNotLike": {"aws:PrincipalArn": [speakers]},
        },
    }
    properties = {"EventBusName": name, "StatementId": "only", "Statement": statement}
    template = {"Resources": {"Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": properties}}}
    deploy(client, name, template)
    made = [make_role(client("iam"), cloud.account, f"{name}-{who}", allow([PUT], bus)) for who in ("speaks", "asks")]
    speaks: Any
    asks: Any
    speaks, asks = (act_as(cloud, client, one).client("events", endpoint_url=cloud.endpoint_url) for one in made)

    assert refusal(asks.put_events, Entries=[entry(name, bus, n=1)]) in REFUSED
    asks.put_events(Entries=[{**entry(name, bus, n=2), "DetailType": "Asked"}])
    assert inbox.receive_json()["detail"] == {"n": 2}
    speaks.put_events(Entries=[entry(name, bus, n=3)])
    assert inbox.receive_json()["detail"] == {"n": 3}


def test_a_rule_delivers_as_a_role_that_the_bus_lets_in(
    client: Clients, neighbour: Clients, name: str, bus: str, inbox: Queue
) -> None:
    let_in(client, bus, {"AWS": f"arn:aws:iam::{NEIGHBOUR}:role/{name}"})
    events = neighbour("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    for role, n in ((f"{name}-other", 1), (name, 2)):
        arn = make_role(neighbour("iam"), NEIGHBOUR, role, allow([PUT], bus))
        events.put_targets(Rule=name, Targets=[{"Id": "bus", "Arn": bus, "RoleArn": arn}])
        events.put_events(Entries=[{**entry(name, "default"), "Detail": json.dumps({"n": n})}])

    assert inbox.receive_json()["detail"] == {"n": 2}
