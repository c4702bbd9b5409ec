"""What a compaction is told to do, and what it says of itself."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from noriba.timestamps import UtcTimestamp

LATE = timedelta(hours=26)
"""How long after its hour began an object of lines is noticed by the clock.

SageMaker's come within two hours or so. Firehose keeps a record for a day at most, and its folder is of when it came:
https://docs.aws.amazon.com/firehose/latest/dev/troubleshooting.html
"""


class CompactionTask(BaseModel):
    """Compact what is due; the clock names nothing, and whoever is about to query names what the query is about.

    Attributes:
        use_case: which one; all when None.
        since: hours from this one on, the one that has only begun included; when None, those of the last day or so
            that are over.
        at_most_s: how long to begin with further hours; as long as the function may run when None.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    use_case: str | None = None
    since: UtcTimestamp | None = None
    at_most_s: float | None = Field(default=None, gt=0)


class CompactionReport(BaseModel):
    """What was compacted.

    Attributes:
        done: whether nothing is left that was due; otherwise ask again.
        files: that were written.
        predictions, outcomes: their rows.
        unreadable: lines among them that nobody could read.
    """

    model_config = ConfigDict(frozen=True)

    done: bool
    files: int = 0
    predictions: int = 0
    outcomes: int = 0
    unreadable: int = 0
