"""Publishing: a rule made from the event's own pattern hears it; a refusal is an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from noriba.aws.bus import EventBus, PublishError
from noriba.aws.clients import Clients
from noriba.events import RetrainingRequested, RolloutCompleted

if TYPE_CHECKING:
    from typing import Any

REQUESTED = RetrainingRequested(use_case="taxi_eta", cause="the network of roads changed")


def listen(clients: Clients, bus: str, pattern: dict[str, Any]) -> str:
    """A queue that hears what the pattern selects."""
    sqs = clients._session.client("sqs")
    url: str = sqs.create_queue(QueueName=f"{bus}-queue")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients.events.create_event_bus(Name=bus)
    clients.events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps(pattern))
    clients.events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    return url


def hear(clients: Clients, url: str) -> list[dict[str, Any]]:
    messages = clients._session.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


def test_a_rule_made_from_the_events_pattern_hears_what_is_published(clients: Clients) -> None:
    queue = listen(clients, "test-bus", RetrainingRequested.pattern(use_case="taxi_eta"))
    bus = EventBus(clients.events, "test-bus")

    bus.publish(REQUESTED)
    bus.publish(RolloutCompleted(use_case="taxi_eta", model_package_arn="arn", endpoint_name="e"))
    bus.publish(REQUESTED.model_copy(update={"use_case": "bus_eta"}))

    (heard,) = hear(clients, queue)
    assert RetrainingRequested.parse(heard) == REQUESTED


def test_a_published_event_has_the_id_that_the_bus_gave_it(clients: Clients) -> None:
    clients.events.create_event_bus(Name="ids")
    bus = EventBus(clients.events, "ids")

    assert bus.publish(REQUESTED) != bus.publish(REQUESTED)


def test_an_event_that_the_bus_refuses_is_an_error_though_the_call_succeeded(clients: Clients) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]}
    events = Clients(clients._session).events
    with Stubber(events) as stubber:
        stubber.add_response("put_events", refused)

        with pytest.raises(PublishError, match="RetrainingRequested: ThrottlingException: slow down"):
            EventBus(events, "test-bus").publish(REQUESTED)
