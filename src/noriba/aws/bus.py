"""The event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from noriba.events import Event


class PublishError(NoribaError):
    """The bus did not take an event."""


class EventBus:
    """Publishes events on one bus."""

    def __init__(self, events: EventBridgeClient, bus: str) -> None:
        self._events = events
        self._bus = bus

    def publish(self, event: Event) -> str:
        """Publish an event and return the id that the bus gave it.

        Raises:
            PublishError: the bus refused it. `PutEvents` answers 200 even then.
        """
        answer = self._events.put_events(Entries=[event.entry(bus=self._bus)])  # type: ignore[list-item]  # its own shape
        entry = answer["Entries"][0]
        if answer["FailedEntryCount"]:
            raise PublishError(f"{event.detail_type()}: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
        return entry["EventId"]
