"""The event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        return self.publish_all([event])[0]

    def publish_all(self, some: Sequence[Event]) -> list[str]:
        """Publish up to ten events at once, and return the ids that the bus gave them; none when there are none.

        Raises:
            PublishError: the bus refused one.
        """
        if not some:
            return []
        answer = self._events.put_events(Entries=[event.entry(bus=self._bus) for event in some])  # type: ignore[misc]  # its own shape
        for event, entry in zip(some, answer["Entries"], strict=True):
            if "EventId" not in entry:
                raise PublishError(f"{event.detail_type()}: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")
        return [entry["EventId"] for entry in answer["Entries"]]
