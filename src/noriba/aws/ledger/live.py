"""What is known of the last hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries

if TYPE_CHECKING:
    from datetime import datetime


class LiveEntries(Entries):
    """The means of recent outcomes."""

    def replace_live(self, state: str, *, looked_at: datetime) -> bool:
        """Publish a state; False where a later one stands there."""
        moment = looked_at.isoformat(timespec="microseconds")
        item = {"live_means": state, "looked_at": moment}
        return self._put(entries.LIVE, item, unless_exists_but=Attr("looked_at").lt(moment))
