"""The ledger: what must be known exactly once, in one DynamoDB table. Entries: `noriba.records.ledger_entries`."""

from noriba.aws.ledger.hosting import HostingEntries
from noriba.aws.ledger.intervals import IntervalEntries
from noriba.aws.ledger.live import LiveEntries
from noriba.aws.ledger.models import Awaited, Champion, ModelEntries, RolloutLock
from noriba.aws.ledger.objects import Claim, KnownVersion, ObjectEntries, ObjectState, ReceivedObject
from noriba.aws.ledger.snapshots import SnapshotEntries
from noriba.aws.ledger.training import TrainingEntries
from noriba.aws.ledger_reading import RequestLedger, RolloutTraffic

__all__ = [
    "Awaited",
    "Champion",
    "Claim",
    "KnownVersion",
    "Ledger",
    "ObjectState",
    "ReceivedObject",
    "RolloutLock",
    "RolloutTraffic",
]


class Ledger(
    ObjectEntries,
    SnapshotEntries,
    TrainingEntries,
    ModelEntries,
    IntervalEntries,
    LiveEntries,
    HostingEntries,
    RequestLedger,
):
    """The entries of one use case."""
