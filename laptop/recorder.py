"""What is said on the bus, kept as it comes: a rule of one's own beside the stacks'."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noriba.aws.clients import Clients
    from noriba.client import Session


def make_inbox(clients: Clients, name: str) -> tuple[str, str]:
    """A queue that rules may deliver to; its URL and ARN."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    url = clients.sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    return url, clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@dataclass
class BusRecorder:
    """Every event on the bus since it was made; a rule into a queue."""

    session: Session
    url: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def listen(cls, session: Session) -> BusRecorder:
        """Begin to listen to a deployment's bus."""
        clients, bus_name = session.at("events"), session.deployment.bus_name
        url, arn = make_inbox(clients, "bus-recorder")
        pattern = json.dumps({"source": [{"prefix": "noriba."}]})
        clients.events.put_rule(Name="bus-recorder", EventBusName=bus_name, EventPattern=pattern)
        clients.events.put_targets(Rule="bus-recorder", EventBusName=bus_name, Targets=[{"Id": "queue", "Arn": arn}])
        return cls(session, url)

    def find(self, detail_type: str, **fields: object) -> list[dict[str, Any]]:
        """Details of the events of a type whose fields are these."""
        sqs = self.session.at("events").sqs
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        details = [event["detail"] for event in self.seen if event["detail-type"] == detail_type]
        return [detail for detail in details if fields.items() <= detail.items()]
