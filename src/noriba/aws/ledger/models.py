"""Models: what was registered, which one is in production, and which rollout is under way."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries


class Champion(BaseModel):
    """The model in production."""

    model_config = ConfigDict(frozen=True)

    model_package_arn: str
    model_data_uri: str


class RolloutLock(BaseModel):
    """The execution that rolls out, and the names of what it makes for it."""

    model_config = ConfigDict(frozen=True)

    execution: str
    staging: str = ""
    model: str = ""


class ModelEntries(Entries):
    """Packages by hash, the champion, the rollout's lock."""

    def record_registration(self, package_arn: str, *, image_uri: str, model_data_uri: str, sha256: str) -> None:
        """Keep what a package holds, by hash: packages can be edited, and objects overwritten."""
        item = {"image_uri": image_uri, "model_data_uri": model_data_uri, "sha256": sha256}
        self._put(f"{entries.REGISTERED}{package_arn}", item, unless_exists_but=None)

    def read_champion(self) -> Champion | None:
        """The model in production; None before the first rollout."""
        found = self._get(entries.CHAMPION)
        return Champion.model_validate(found) if found else None

    def read_rollout(self) -> RolloutLock | None:
        """The rollout that holds the lock, be its execution alive or not."""
        found = self._get(entries.ROLLOUT)
        return RolloutLock.model_validate(found) if found else None
