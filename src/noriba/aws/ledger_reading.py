"""What whoever answers requests reads of the ledger: apart from all else in it, for boto3 is not needed to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from noriba.records import ledger_entries as entries
from noriba.records.live import LiveState
from noriba.records.stretching import Stretch
from noriba.rollout.assignment import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.service_resource import Table

    from noriba.usecase import LiveSpec


class RolloutTraffic(BaseModel):
    """What a rollout means for whoever asks the models.

    Attributes:
        split: how requests are split between two models in production; None while one serves alone.
        feature_fingerprint: of the features that the challenger learned; None while there is none, or it has not
            answered golden requests yet.
    """

    model_config = ConfigDict(frozen=True)

    split: Split | None = None
    feature_fingerprint: str | None = None


class ReadEntries:
    """The entries of one use case, by name, to be read."""

    def __init__(self, table: Table, use_case: str) -> None:
        self._table = table
        self._use_case = use_case

    @property
    def use_case(self) -> str:
        """Whose entries they are."""
        return self._use_case

    def _get(self, entry: str, *, only: Sequence[str] = ()) -> dict[str, Any]:
        """An entry, or those of its attributes that are named; empty where there is none."""
        some: dict[str, Any] = {}
        if only:
            names = {f"#{number}": name for number, name in enumerate(only)}
            some = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        answer = self._table.get_item(Key=self._key(entry), ConsistentRead=True, **some)
        return answer.get("Item", {})

    def _key(self, entry: str) -> dict[str, str]:
        return {"use_case": self._use_case, "entry": entry}


class RequestLedger(ReadEntries):
    """What must be known for each request."""

    def read_rollout_traffic(self) -> RolloutTraffic:
        """What the rollout under way, if there is one, means for requests.

        Raises:
            ValueError: the entry is none that a rollout writes.
        """
        found = self._get(entries.ROLLOUT, only=(*entries.SPLIT_ATTRIBUTES, entries.CHALLENGER_FEATURES))
        split = None
        if found.get("stage") == "canary" and "percent" in found:
            split = {**found, "salt": found.get("execution")}
        return RolloutTraffic.model_validate(
            {"split": split, "feature_fingerprint": found.get(entries.CHALLENGER_FEATURES)}
        )

    def read_stretch(self) -> Stretch | None:
        """What whoever asks the model must know; None where nothing is to be stretched.

        Raises:
            ValueError: the entry is none that a look of the monitor writes.
        """
        found = self._get(entries.STRETCH, only=entries.STRETCH_ATTRIBUTES)
        stretch = Stretch.model_validate(found) if found else None
        return None if stretch is None or stretch.factor == 1.0 else stretch

    def read_live(self, spec: LiveSpec) -> LiveState | None:
        """The latest state; None where no outcome has ever been heard of.

        Raises:
            LiveStateError: the entry is none that an update writes.
        """
        found = self._get(entries.LIVE, only=entries.LIVE_ATTRIBUTES)
        return LiveState.from_json(found["live_means"], spec) if "live_means" in found else None
