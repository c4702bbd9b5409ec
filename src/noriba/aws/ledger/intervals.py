"""Intervals: how far those of the model in production are stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries
from noriba.records.stretching import Stretching

if TYPE_CHECKING:
    from datetime import datetime


class IntervalEntries(Entries):
    """What outcomes taught of the width of intervals since the latest training."""

    def read_stretching(self) -> Stretching | None:
        """What is known of a model; None before the first look at any."""
        found = self._get(entries.STRETCH)
        return Stretching.model_validate(found) if found else None

    def replace_stretching(self, after: Stretching, *, before: Stretching | None) -> bool:
        """Keep what was found; False when somebody else has kept something since `before` was read."""
        item = {
            "version": after.version,
            "bundle_digest": after.bundle_digest,
            # As text, a number comes back bit for bit.
            "log_stretch": repr(after.log_stretch),
            "factor": repr(after.stretch.factor),
            "through": _write_time(after.through),
        }
        unchanged = None
        if before is not None:
            unchanged = Attr("version").eq(before.version) & Attr("through").eq(_write_time(before.through))
        return self._put(entries.STRETCH, item, unless_exists_but=unchanged)


def _write_time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
