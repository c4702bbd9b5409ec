"""What is known of the last hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries
from noriba.records.live import LiveState

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.usecase import LiveSpec


class LiveEntries(Entries):
    """The means of recent outcomes."""

    def read_live(self, spec: LiveSpec) -> LiveState | None:
        """The latest state; None where no outcome has ever been heard of.

        Raises:
            LiveStateError: the entry is none that an update writes.
        """
        found = self._get(entries.LIVE, only=entries.LIVE_ATTRIBUTES)
        return LiveState.from_json(found["live_means"], spec) if "live_means" in found else None

    def replace_live(self, state: str, *, looked_at: datetime) -> bool:
        """Publish a state; False where a later one stands there."""
        moment = looked_at.isoformat(timespec="microseconds")
        item = {"live_means": state, "looked_at": moment}
        return self._put(entries.LIVE, item, unless_exists_but=Attr("looked_at").lt(moment))
