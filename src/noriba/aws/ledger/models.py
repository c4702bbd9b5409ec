"""Models: what was registered, which one is in production, and which rollout is under way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from boto3.dynamodb.conditions import Attr
from pydantic import AwareDatetime, BaseModel, ConfigDict

from noriba.aws.ledger.table import Entries
from noriba.records import ledger_entries as entries
from noriba.records.rollout import ChallengerVerdict, ComparedStage, RolloutPlan, RolloutStep


class Champion(BaseModel):
    """The model in production.

    Attributes:
        model_package_arn: its package.
        model_data_uri: its artifact.
        endpoint_config: production's configuration of it.
        since: when it took over; None in records of before that was kept.
    """

    model_config = ConfigDict(frozen=True)

    model_package_arn: str
    model_data_uri: str
    endpoint_config: str | None = None
    since: AwareDatetime | None = None


class Awaited(BaseModel):
    """What a rollout that compares two models waits for.

    Attributes:
        token: by which the waiting state is answered.
        stage: of the rollout.
        since: when it began to wait.
        plan: the rules.
        endpoint: where both models are.
        champion: the champion's variant.
        challenger: the challenger's.
        percent: its share, in the canary.
    """

    model_config = ConfigDict(frozen=True)

    token: str
    stage: ComparedStage
    since: datetime
    plan: RolloutPlan
    endpoint: str
    champion: str
    challenger: str
    percent: int | None = None


class RolloutLock(BaseModel):
    """The execution that rolls out, and the names of what it makes for it.

    Attributes:
        execution: its ARN.
        purpose: whether a challenger is to take the champion's place, or is only tried.
        staging: its staging endpoint, and configuration.
        model: its model, and production's configuration of it.
        paused: whether a person wants no verdict to be given.
        told: whether it was said, in its execution's place, why it ended.
        awaited: what it waits for, if it does.
    """

    model_config = ConfigDict(frozen=True)

    execution: str
    purpose: Literal["promotion", "experiment"] = "promotion"
    staging: str = ""
    model: str = ""
    paused: bool = False
    told: bool = False
    awaited: Awaited | None = None

    @property
    def is_experiment(self) -> bool:
        """Whether a challenger is only tried."""
        return self.purpose == "experiment"


class ModelEntries(Entries):
    """Packages by hash, the champion, the rollout's lock."""

    def record_registration(
        self, package_arn: str, *, image_uri: str, model_data_uri: str, sha256: str, snapshot_id: str = ""
    ) -> None:
        """Keep what a package holds, by hash, and what it learned from: packages can be edited, objects overwritten."""
        item = {"image_uri": image_uri, "model_data_uri": model_data_uri, "sha256": sha256, "snapshot_id": snapshot_id}
        self._put(f"{entries.REGISTERED}{package_arn}", item, unless_exists_but=None)

    def read_training_snapshot(self, package_arn: str) -> str | None:
        """The snapshot that a package learned from; None where it was registered without."""
        return self._get(f"{entries.REGISTERED}{package_arn}").get("snapshot_id") or None

    def read_champion(self) -> Champion | None:
        """The model in production; None before the first rollout."""
        found = self._get(entries.CHAMPION)
        return Champion.model_validate(found) if found else None

    def read_rollout(self) -> RolloutLock | None:
        """The rollout that holds the lock, be its execution alive or not."""
        found = self._get(entries.ROLLOUT)
        if not found:
            return None
        awaited = None
        if "token" in found:
            awaited = Awaited.model_validate({**found, "plan": RolloutPlan.model_validate_json(found["plan"])})
        return RolloutLock.model_validate({**found, "awaited": awaited})

    def pause_rollout(self, execution: str, *, paused: bool) -> bool:
        """Hold back verdicts on a rollout, or no longer; whether it was still under way."""
        return self._update(entries.ROLLOUT, only_if=Attr("execution").eq(execution), paused=paused)

    def note_rollout_told(self, execution: str) -> bool:
        """Keep that its end was told, so that nobody tells it again; whether it still held the lock."""
        return self._update(entries.ROLLOUT, only_if=Attr("execution").eq(execution), told=True)

    def release_rollout(self, execution: str) -> bool:
        """Take the lock from an execution that cannot release it any more; whether it still held it."""
        return self._delete(entries.ROLLOUT, only_if=Attr("execution").eq(execution))

    def forget_token(self, token: str) -> None:
        """What was answered waits no more; nothing happens where the rollout waits again already."""
        self._remove(entries.ROLLOUT, "token", only_if=Attr("token").eq(token))

    def begin_comparison(self, *, now: datetime, at_most: timedelta) -> bool:
        """Whether nobody else is comparing; until then, nobody else will."""
        item = {"until": (now + at_most).isoformat()}
        return self._put(entries.COMPARISON, item, unless_exists_but=Attr("until").lt(now.isoformat()))

    def end_comparison(self) -> None:
        """Let others compare."""
        self._table.delete_item(Key=self._key(entries.COMPARISON))

    def list_steps(self, execution: str) -> list[RolloutStep]:
        """The stages that a rollout has entered, in order."""
        found = self._query(f"{entries.ROLLOUT_STEP}{execution.rpartition(':')[2]}#")
        return sorted((_read_step(item) for item in found), key=lambda step: step.began_at)


def _read_step(item: dict[str, Any]) -> RolloutStep:
    verdict = item.get("verdict")
    return RolloutStep(
        stage=item["stage"],
        percent=int(item["percent"]) if "percent" in item else None,
        began_at=item["began_at"],
        verdict=ChallengerVerdict.model_validate_json(verdict) if verdict else None,
        serves=item.get("serves", False),
    )
