"""One decision for each cause, recorded and announced whichever way it goes, and never two trainings at once."""

from __future__ import annotations

import copy
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from functions.decide_retraining.handler import handler as decide_retraining
from noriba.aws.ledger import Ledger
from noriba.datasets.snapshots import build_manifest
from noriba.errors import UnknownUseCaseError
from noriba.events import AlarmFacts, DataFacts, RetrainingDecided, RetrainingWeighed
from noriba.monitoring.causes import NoCauseError
from noriba.records.snapshot import IngestedObject, Part, name_manifest
from noriba.records.training import TrainingRecord, name_decision
from noriba.usecase import load_use_case
from tests.functions.conftest import Cloud, read_counts, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.snapshot import SnapshotManifest

USE_CASE = load_use_case("taxi_eta")
ENOUGH = USE_CASE.policies.retraining.min_rows + 4_000
SNAPSHOT = read_event("dataset_snapshot_created")
REQUEST = read_event("retraining_requested")
ALARM = read_event("alarm_state_changed")


def commit(
    cloud: Cloud, *, rows: int = ENOUGH, content: str = "first", last_s: float = 1.0, bad: int = 0
) -> SnapshotManifest:
    """A snapshot of one file of so many rows that are kept, as the ingest leaves it."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    part = Part(
        sha256=sha256,
        key=f"taxi_eta/parts/{sha256}",
        version_id="v",
        feature_fingerprint=USE_CASE.features.fingerprint,
        rows=rows,
        size=1,
        first_s=0,
        last_s=last_s,
    )
    landed = IngestedObject(
        key=content,
        version_id="v",
        sequencer="01",
        source="TLC trip records",
        rows_read=rows + bad,
        rows_kept=rows,
        rows_quarantined=bad,
        reasons={},
        parts=(part,),
    )
    manifest = build_manifest(USE_CASE, [landed], bucket="datasets")
    key = name_manifest("taxi_eta", manifest.snapshot_id)
    cloud.store("datasets").write(key, manifest.model_dump_json().encode())
    cloud.ledger().mark_latest(manifest.snapshot_id, now=datetime.now(UTC))
    return manifest


def finish_training(cloud: Cloud, *, failed: bool = False) -> None:
    """What the training machine does at its end: it releases the lock."""
    table = cloud.clients.dynamodb.Table("ledger")
    table.update_item(
        Key={"use_case": "taxi_eta", "entry": "training"},
        UpdateExpression="SET running = :no, failed = :failed",
        ExpressionAttributeValues={":no": False, ":failed": failed},
    )


def let_hours_pass(cloud: Cloud, hours: float = 2.0) -> None:
    """The latest training began, and alarms went off, so long before."""
    table, passed = cloud.clients.dynamodb.Table("ledger"), timedelta(hours=hours)
    key = {"use_case": "taxi_eta", "entry": "training"}
    started_at = datetime.fromisoformat(str(table.get_item(Key=key)["Item"]["started_at"]))
    table.update_item(
        Key=key,
        UpdateExpression="SET started_at = :then",
        ExpressionAttributeValues={":then": (started_at - passed).isoformat()},
    )
    for alarm in cloud.ledger().list_alarms():
        table.delete_item(Key={"use_case": "taxi_eta", "entry": f"alarm#{alarm.name}"})
        cloud.ledger().note_alarm(alarm.model_copy(update={"changed_at": alarm.changed_at - passed}))


def another(event: dict[str, Any], number: int) -> dict[str, Any]:
    """The same kind of event, but another one."""
    return event | {"id": f"00000000-0000-4000-8000-{number:012d}"}


def hear_answer(cloud: Cloud) -> tuple[RetrainingWeighed, RetrainingDecided]:
    weighed, decided = cloud.hear()
    assert [weighed["detail-type"], decided["detail-type"]] == ["RetrainingWeighed", "RetrainingDecided"]
    return RetrainingWeighed.parse(weighed), RetrainingDecided.parse(decided)


def hear_decision(cloud: Cloud) -> RetrainingDecided:
    weighed, decided = hear_answer(cloud)
    assert (weighed.decision_id, weighed.reason) == (decided.decision_id, decided.reason)
    assert decided.train == (weighed.outcome == "start")
    return decided


def read_evidence(cloud: Cloud, answer: dict[str, Any]) -> RetrainingWeighed:
    evidence = cloud.ledger().read_evidence(answer["decision_id"])
    assert evidence is not None
    return evidence


def test_the_first_snapshot_with_enough_rows_is_trained_on(cloud: Cloud, context: LambdaContext) -> None:
    manifest = commit(cloud)

    answer = RetrainingDecided.model_validate(decide_retraining(SNAPSHOT, context))

    assert answer.train
    assert answer.reason == f"first training, on {ENOUGH} rows"
    assert answer.cause == "DatasetSnapshotCreated"
    assert answer.snapshot_id == manifest.snapshot_id
    assert answer.manifest_uri == f"s3://datasets/{name_manifest('taxi_eta', manifest.snapshot_id)}"
    assert hear_decision(cloud) == answer == cloud.ledger().read_decision(answer.decision_id)


def test_a_yes_takes_the_lock(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)

    answer = decide_retraining(SNAPSHOT, context)

    training = cloud.ledger().read_training()
    assert training is not None
    assert (training.decision_id, training.rows, training.running) == (answer["decision_id"], ENOUGH, True)


def test_a_training_job_is_named_as_sagemaker_allows(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)

    name = decide_retraining(SNAPSHOT, context)["training_job_name"]

    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)


def test_too_few_rows_are_a_no_that_is_recorded_and_announced(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud, rows=10)

    answer = RetrainingDecided.model_validate(decide_retraining(SNAPSHOT, context))

    assert not answer.train
    assert answer.reason == "10 rows are fewer than the 5000 that training needs; give more files"
    assert hear_decision(cloud) == answer == cloud.ledger().read_decision(answer.decision_id)
    assert cloud.ledger().read_training() is None


def test_while_a_training_runs_the_answer_is_no(cloud: Cloud, context: LambdaContext) -> None:
    first = commit(cloud)
    decide_retraining(SNAPSHOT, context)
    commit(cloud, rows=ENOUGH * 2, content="second")

    answers = [decide_retraining(another(event, number), context) for number, event in enumerate((SNAPSHOT, REQUEST))]

    assert [answer["train"] for answer in answers] == [False, False]
    assert all(answer["reason"].startswith(f"training on {first.snapshot_id} has been running") for answer in answers)


def test_a_training_that_died_does_not_hold_the_lock_for_ever(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)
    long_ago = datetime.now(UTC) - timedelta(seconds=USE_CASE.policies.retraining.lock_s + 1)
    dead = TrainingRecord("dead", "snap-old", rows=1_000, started_at=long_ago, running=True)
    cloud.ledger().begin_training(dead, replacing=None)

    assert decide_retraining(SNAPSHOT, context)["train"]


def test_after_a_training_only_new_rows_make_another(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)
    decide_retraining(SNAPSHOT, context)
    finish_training(cloud)
    let_hours_pass(cloud)

    same = decide_retraining(another(SNAPSHOT, 1), context)
    commit(cloud, rows=ENOUGH + 1, content="a single row more")
    hardly_more = decide_retraining(another(SNAPSHOT, 2), context)
    commit(cloud, rows=ENOUGH * 2, content="twice as many")
    many_more = decide_retraining(another(SNAPSHOT, 3), context)

    assert [same["train"], hardly_more["train"], many_more["train"]] == [False, False, True]
    assert "was trained on already" in same["reason"]
    assert "1 new rows are 0.0% of the last training's" in hardly_more["reason"]


def ask_by_the_clock(number: int = 1) -> dict[str, Any]:
    """What the hourly rule sends."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "time": "2026-07-04T03:00:00Z",
        "detail-type": "Scheduled question",
        "detail": {"use_case": "taxi_eta"},
    }


def test_data_that_came_within_the_cooldown_are_trained_on_when_it_is_over(
    cloud: Cloud, context: LambdaContext
) -> None:
    commit(cloud)
    decide_retraining(SNAPSHOT, context)
    finish_training(cloud)
    commit(cloud, rows=ENOUGH * 2, content="twice as many")
    too_soon = decide_retraining(another(SNAPSHOT, 1), context)
    cloud.hear()

    within = decide_retraining(ask_by_the_clock(1), context)
    heard_within = cloud.hear()
    let_hours_pass(cloud)
    after = decide_retraining(ask_by_the_clock(2), context)

    assert "within the cooldown" in too_soon["reason"]
    assert (within["train"], heard_within) == (False, [])
    assert (after["train"], after["cause"]) == (True, "Scheduled question")
    assert hear_decision(cloud).train


def test_the_clock_s_question_leaves_no_trace_where_the_answer_is_no(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud, rows=10)

    decide_retraining(ask_by_the_clock(), context)

    assert cloud.ledger().list_decisions() == []
    assert cloud.hear() == []


def test_the_day_s_limit_is_counted_where_an_alarm_looks(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(cloud)
    for number in range(USE_CASE.policies.retraining.max_per_day):
        assert decide_retraining(another(REQUEST, number), context)["train"]
        finish_training(cloud)
    read_counts(capsys)

    answer = decide_retraining(another(REQUEST, 99), context)

    assert not answer["train"]
    assert answer["reason"].startswith("6 training runs began within a day")
    assert read_counts(capsys) == {"taxi_eta": {"TrainingsDecided": 0, "TrainingLimitReached": 1}}


def test_whoever_asks_by_hand_may_train_on_the_same_rows_again(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)
    decide_retraining(SNAPSHOT, context)
    finish_training(cloud)

    answer = decide_retraining(REQUEST, context)

    assert answer["train"]
    assert answer["cause"] == "RetrainingRequested"
    assert answer["reason"].endswith(f"rows: {REQUEST['detail']['cause']}")


def test_an_event_delivered_again_gets_the_same_answer_announced_again(cloud: Cloud, context: LambdaContext) -> None:
    """The first announcement may be what failed. Training jobs are named after decisions, so nothing trains twice."""
    commit(cloud)
    first = decide_retraining(SNAPSHOT, context)
    hear_decision(cloud)
    lock = cloud.ledger().read_training()
    commit(cloud, rows=ENOUGH * 2, content="second")

    again = decide_retraining(SNAPSHOT, context)

    assert again == first
    assert hear_decision(cloud).model_dump(mode="json") == first
    assert cloud.ledger().read_training() == lock


def test_one_event_delivered_twice_at_once_has_one_answer_which_training_finds(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cooldown ends between the two: one says no, and while it is about to record that, the other says yes."""
    train_once(cloud, context)
    let_hours_pass(cloud, -1.5)
    commit(cloud, rows=ENOUGH * 2, content="second")
    event, answers = another(SNAPSHOT, 2), list[dict[str, Any]]()
    record = Ledger.record_decision

    def record_after_the_twin(ledger: Ledger, *args: Any, **more: Any) -> bool:
        monkeypatch.setattr(Ledger, "record_decision", record)
        let_hours_pass(cloud)
        answers.append(decide_retraining(event, context))
        return record(ledger, *args, **more)

    monkeypatch.setattr(Ledger, "record_decision", record_after_the_twin)
    answers.append(decide_retraining(event, context))

    lock = cloud.ledger().read_training()
    assert lock is not None
    assert (lock.decision_id, lock.running) == (answers[0]["decision_id"], True)
    decided = cloud.ledger().read_decision(lock.decision_id)
    assert decided is not None
    assert decided.train
    assert [RetrainingDecided.model_validate(answer) for answer in answers] == [decided, decided]
    heard = [event["detail"] for event in cloud.hear() if event["detail-type"] == "RetrainingDecided"]
    assert [one["train"] for one in heard] == [True, True]


def test_a_yes_that_has_the_lock_takes_the_place_of_its_twin_s_no(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one looked while there were too few rows, and was quicker to record that."""
    manifest, begin, answers = commit(cloud), Ledger.begin_training, list[dict[str, Any]]()

    def begin_after_the_twin(ledger: Ledger, record: TrainingRecord, *, replacing: TrainingRecord | None) -> bool:
        commit(cloud, rows=10, content="few")
        answers.append(decide_retraining(SNAPSHOT, context))
        return begin(ledger, record, replacing=replacing)

    monkeypatch.setattr(Ledger, "begin_training", begin_after_the_twin)
    answers.append(decide_retraining(SNAPSHOT, context))

    assert [answer["train"] for answer in answers] == [False, True]
    assert answers[1]["snapshot_id"] == manifest.snapshot_id
    decided = cloud.ledger().read_decision(answers[1]["decision_id"])
    assert decided == RetrainingDecided.model_validate(answers[1])


def test_a_decision_that_was_cut_off_after_it_took_the_lock_is_still_a_yes(
    cloud: Cloud, context: LambdaContext
) -> None:
    manifest = commit(cloud)
    interrupted = TrainingRecord(
        name_decision(SNAPSHOT["id"], datetime.fromisoformat(SNAPSHOT["time"])),
        manifest.snapshot_id,
        rows=ENOUGH,
        started_at=datetime.now(UTC),
        running=True,
    )
    cloud.ledger().begin_training(interrupted, replacing=None)
    # What came meanwhile was never weighed, and is left to the next decision.
    newer = commit(cloud, rows=2 * ENOUGH, content="second", bad=3 * ENOUGH)

    answer = decide_retraining(SNAPSHOT, context)

    assert answer["train"]
    assert answer["decision_id"] == interrupted.decision_id
    assert answer["snapshot_id"] == manifest.snapshot_id != newer.snapshot_id
    assert answer["manifest_uri"] == f"s3://datasets/{name_manifest('taxi_eta', manifest.snapshot_id)}"
    assert read_evidence(cloud, answer).data.snapshot_id == manifest.snapshot_id
    assert hear_decision(cloud).train


def test_the_champion_is_named_so_that_the_candidate_can_be_held_against_it(
    cloud: Cloud, context: LambdaContext
) -> None:
    commit(cloud)
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={
            "use_case": "taxi_eta",
            "entry": "champion",
            "model_package_arn": "arn:package/2",
            "model_data_uri": "s3://models/2.tar.gz",
        }
    )

    answer = decide_retraining(SNAPSHOT, context)

    assert answer["champion_package_arn"] == "arn:package/2"
    assert answer["champion_model_uri"] == "s3://models/2.tar.gz"


def test_before_the_first_snapshot_there_is_nothing_to_decide(cloud: Cloud, context: LambdaContext) -> None:
    assert decide_retraining(REQUEST, context) == {"train": False, "reason": "no snapshot yet"}
    assert cloud.hear() == []


# --- what it rests upon -----------------------------------------------------------------------------------------------


def roll_out(cloud: Cloud, *, purpose: str = "promotion") -> None:
    """What a rollout's first step leaves in the ledger."""
    item = {"use_case": "taxi_eta", "entry": "rollout", "execution": "arn:rollout", "purpose": purpose}
    cloud.clients.dynamodb.Table("ledger").put_item(Item=item)


def crown(cloud: Cloud, *, snapshot_id: str, since: datetime | None = None) -> None:
    """A champion that learned from a snapshot; of before it was kept when it took over, unless that is said."""
    item = {"entry": "champion", "model_package_arn": "arn:package/2", "model_data_uri": "s3://models/2.tar.gz"}
    if since is not None:
        # As the rollout's machine writes its `$$.State.EnteredTime`.
        item["since"] = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    cloud.clients.dynamodb.Table("ledger").put_item(Item={"use_case": "taxi_eta", **item})
    cloud.ledger().record_registration(
        "arn:package/2", image_uri="i", model_data_uri="m", sha256="0" * 64, snapshot_id=snapshot_id
    )


def test_the_evidence_is_recorded_and_announced(cloud: Cloud, context: LambdaContext) -> None:
    first = commit(cloud)
    started = decide_retraining(SNAPSHOT, context)
    finish_training(cloud)
    crown(cloud, snapshot_id=first.snapshot_id)
    roll_out(cloud)
    cloud.hear()
    manifest = commit(cloud, rows=ENOUGH * 2, content="second", last_s=86_401.0, bad=50)

    answer = decide_retraining(another(SNAPSHOT, 1), context)

    evidence, _ = hear_answer(cloud)
    assert evidence == read_evidence(cloud, answer)
    assert (evidence.outcome, evidence.reason) == ("rollout_in_progress", answer["reason"])
    assert evidence.data == DataFacts(
        snapshot_id=manifest.snapshot_id,
        rows=ENOUGH * 2,
        new_rows=ENOUGH,
        later_rows=ENOUGH * 2,
        later_days=1.0,
        landed_rows=ENOUGH * 2 + 50,
        landed_quarantined=50,
    )
    assert evidence.last_training is not None
    assert evidence.last_training.decision_id == started["decision_id"]
    assert (evidence.last_training.running, evidence.last_training.failures) == (False, 0)
    assert evidence.champion_snapshot_id == first.snapshot_id
    assert (evidence.rollout, evidence.alarm) == ("arn:rollout", None)


def test_during_an_experiment_the_champion_stays_and_training_goes_on(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)
    roll_out(cloud, purpose="experiment")

    answer = decide_retraining(SNAPSHOT, context)

    assert answer["train"]
    assert read_evidence(cloud, answer).rollout == "arn:rollout"


def test_a_burst_of_garbage_does_not_train_and_the_repaired_file_does(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud)
    decide_retraining(SNAPSHOT, context)
    finish_training(cloud)
    let_hours_pass(cloud)
    commit(cloud, rows=ENOUGH * 2, content="garbage", bad=ENOUGH * 2)

    garbage = decide_retraining(another(SNAPSHOT, 1), context)
    commit(cloud, rows=ENOUGH * 4, content="repaired")
    repaired = decide_retraining(another(SNAPSHOT, 2), context)

    assert read_evidence(cloud, garbage).outcome == "bad_data"
    assert (garbage["train"], repaired["train"]) == (False, True)


def test_what_the_champion_learned_from_is_not_trained_on_again(cloud: Cloud, context: LambdaContext) -> None:
    commit(cloud, content="between")
    decide_retraining(SNAPSHOT, context)
    finish_training(cloud)
    let_hours_pass(cloud)
    back = commit(cloud, rows=ENOUGH * 2, content="the champion's")
    crown(cloud, snapshot_id=back.snapshot_id)

    answer = decide_retraining(another(SNAPSHOT, 1), context)

    assert read_evidence(cloud, answer).outcome == "same_snapshot"
    assert answer["reason"] == f"{back.snapshot_id} is what the champion learned from"


# --- alarms -----------------------------------------------------------------------------------------------------------


def raise_alarm(
    number: int = 0, *, name: str = "noriba-taxi-eta-error", state: str = "ALARM", at: datetime | None = None
) -> dict[str, Any]:
    """What CloudWatch sends when an alarm changes its state; now, unless it is said otherwise."""
    event = another(copy.deepcopy(ALARM), 1_000 + number)
    event["detail"]["alarm"]["alarmName"] = name
    event["detail"]["alarm"]["state"] |= {"value": state, "timestamp": (at or datetime.now(UTC)).isoformat()}
    return event


def train_once(cloud: Cloud, context: LambdaContext, *, failed: bool = False) -> None:
    """A training run, begun two hours ago."""
    commit(cloud)
    assert decide_retraining(SNAPSHOT, context)["train"]
    finish_training(cloud, failed=failed)
    let_hours_pass(cloud)
    cloud.hear()


def test_an_alarm_trains_on_little_news_and_what_it_said_is_kept(cloud: Cloud, context: LambdaContext) -> None:
    train_once(cloud, context)
    commit(cloud, rows=ENOUGH + 1, content="a day more", last_s=86_400.0)

    answer = decide_retraining(ALARM, context)

    assert (answer["train"], answer["cause"]) == (True, "CloudWatch Alarm State Change")
    evidence, _ = hear_answer(cloud)
    assert evidence.alarm == AlarmFacts(
        name="noriba-taxi-eta-error",
        state="ALARM",
        reason=ALARM["detail"]["alarm"]["state"]["reason"],
        changed_at=datetime(2026, 7, 4, 5, 4, 40, 989_000, tzinfo=UTC),
        metric="noriba/ErrorRatio",
        dimensions={"service": "monitor_model", "use_case": "taxi_eta"},
    )


def test_of_ten_alarms_at_once_one_trains_and_the_others_say_that_it_runs(cloud: Cloud, context: LambdaContext) -> None:
    train_once(cloud, context)
    commit(cloud, rows=ENOUGH + 1, content="a day more", last_s=86_400.0)

    answers = [decide_retraining(raise_alarm(number, name=f"alarm {number}"), context) for number in range(10)]

    assert [read_evidence(cloud, answer).outcome for answer in answers] == ["start", *["running"] * 9]
    finish_training(cloud)
    let_hours_pass(cloud, 1.2)
    commit(cloud, rows=ENOUGH + 2, content="another day", last_s=2 * 86_400.0)
    # All stand, and all have had their training: no more is asked for than the data ask for.
    assert [alarm.state for alarm in cloud.ledger().list_alarms()] == ["ALARM"] * 10
    assert "1 new rows are 0.0%" in decide_retraining(ask_by_the_clock(), context)["reason"]


def test_an_alarm_that_was_put_off_is_asked_for_again_while_it_stands(cloud: Cloud, context: LambdaContext) -> None:
    train_once(cloud, context)
    commit(cloud, rows=ENOUGH + 1, content="a day more", last_s=86_400.0)
    roll_out(cloud)
    put_off = decide_retraining(raise_alarm(), context)
    cloud.hear()

    meanwhile = decide_retraining(ask_by_the_clock(1), context)
    cloud.clients.dynamodb.Table("ledger").delete_item(Key={"use_case": "taxi_eta", "entry": "rollout"})
    after = decide_retraining(ask_by_the_clock(2), context)

    assert read_evidence(cloud, put_off).outcome == "rollout_in_progress"
    assert not meanwhile["train"]
    assert (after["train"], after["cause"]) == (True, "Scheduled question")
    evidence, _ = hear_answer(cloud)
    assert evidence.alarm is not None
    assert evidence.alarm.name == "noriba-taxi-eta-error"


def test_an_alarm_about_a_model_that_was_replaced_since_does_not_train_again(
    cloud: Cloud, context: LambdaContext
) -> None:
    """It stands until there is a verdict on the new champion, whose training began more than a day ago."""
    train_once(cloud, context)
    learned = commit(cloud, rows=ENOUGH + 1, content="a day more", last_s=86_400.0)
    assert decide_retraining(raise_alarm(), context)["train"]
    finish_training(cloud)
    let_hours_pass(cloud, 26)
    commit(cloud, rows=ENOUGH + 2, content="another day", last_s=2 * 86_400.0)
    crown(cloud, snapshot_id=learned.snapshot_id, since=datetime.now(UTC) - timedelta(hours=1))

    soon = decide_retraining(ask_by_the_clock(1), context)
    crown(cloud, snapshot_id=learned.snapshot_id, since=datetime.now(UTC) - timedelta(hours=25))
    a_day_later = decide_retraining(ask_by_the_clock(2), context)

    assert "1 new rows are 0.0%" in soon["reason"]
    assert (soon["train"], a_day_later["train"]) == (False, True)


def test_an_alarm_that_is_over_asks_for_nothing_whatever_order_its_events_come_in(
    cloud: Cloud, context: LambdaContext
) -> None:
    train_once(cloud, context)
    commit(cloud, rows=ENOUGH + 1, content="a day more", last_s=86_400.0)
    now = datetime.now(UTC)

    over = decide_retraining(raise_alarm(1, state="OK", at=now), context)
    late = decide_retraining(raise_alarm(2, at=now - timedelta(minutes=1)), context)
    clock = decide_retraining(ask_by_the_clock(), context)

    assert over == late == {"train": False, "reason": "the alarm noriba-taxi-eta-error is over"}
    assert not clock["train"]
    assert cloud.hear() == []


def test_a_flapping_alarm_trains_once_within_the_cooldown(cloud: Cloud, context: LambdaContext) -> None:
    train_once(cloud, context)
    outcomes = []
    for number in range(4):
        commit(cloud, rows=ENOUGH + number, content=f"{number} more", last_s=10.0 + number)
        at = datetime.now(UTC) + timedelta(seconds=number)
        outcomes.append(read_evidence(cloud, decide_retraining(raise_alarm(2 * number, at=at), context)).outcome)
        decide_retraining(raise_alarm(2 * number + 1, state="OK", at=at + timedelta(milliseconds=1)), context)
        finish_training(cloud)

    assert outcomes == ["start", "cooldown", "cooldown", "cooldown"]


def test_after_a_failure_an_alarm_waits_and_then_tries_the_same_rows_again(
    cloud: Cloud, context: LambdaContext
) -> None:
    """The failure's own event is answered with how long nobody trains by itself: that is what a person reads."""
    commit(cloud)
    assert decide_retraining(SNAPSHOT, context)["train"]
    finish_training(cloud, failed=True)
    failure = another(SNAPSHOT | {"detail-type": "TrainingFailed"}, 7)

    told = decide_retraining(failure, context)
    alarmed = decide_retraining(raise_alarm(), context)
    let_hours_pass(cloud, 2)
    tried = decide_retraining(ask_by_the_clock(1), context)
    finish_training(cloud, failed=True)
    let_hours_pass(cloud, 3.9)
    too_soon = decide_retraining(ask_by_the_clock(2), context)
    let_hours_pass(cloud, 0.2)
    again = decide_retraining(ask_by_the_clock(3), context)

    assert read_evidence(cloud, told).outcome == read_evidence(cloud, alarmed).outcome == "back_off"
    assert "1 training runs in a row failed" in told["reason"]
    assert "after 7200 s" in told["reason"]
    assert [tried["train"], too_soon["train"], again["train"]] == [True, False, True]
    assert "2 training runs in a row failed" in too_soon["reason"]
    last = cloud.ledger().read_training()
    assert last is not None
    assert last.failures == 2


@pytest.fixture
def machine(cloud: Cloud) -> Iterator[str]:
    """TRAIN, as far as its executions are looked at."""
    sfn = cloud.clients.stepfunctions
    role = "arn:aws:iam::123456789012:role/train"
    definition = '{"StartAt": "Train", "States": {"Train": {"Type": "Succeed"}}}'
    arn = sfn.create_state_machine(name="train", definition=definition, roleArn=role)["stateMachineArn"]
    yield arn
    sfn.delete_state_machine(stateMachineArn=arn)


def test_a_training_that_was_stopped_holds_no_lock_and_has_failed(
    cloud: Cloud, context: LambdaContext, machine: str
) -> None:
    commit(cloud)
    first = decide_retraining(SNAPSHOT, context)
    execution = cloud.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    cloud.clients.dynamodb.Table("ledger").update_item(
        Key={"use_case": "taxi_eta", "entry": f"decision#{first['decision_id']}"},
        UpdateExpression="SET execution = :taken",
        ExpressionAttributeValues={":taken": execution},
    )
    running = decide_retraining(raise_alarm(1), context)
    cloud.clients.stepfunctions.stop_execution(executionArn=execution)
    waits = decide_retraining(raise_alarm(2), context)
    let_hours_pass(cloud, 2)
    tried = decide_retraining(ask_by_the_clock(), context)

    outcomes = [read_evidence(cloud, answer).outcome for answer in (running, waits, tried)]
    assert outcomes == ["running", "back_off", "start"]
    last = cloud.ledger().read_training()
    assert last is not None
    assert (last.decision_id, last.failures) == (tried["decision_id"], 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"alarmName": None}, "alarmName"),
        ({"state": {"value": "BROKEN", "timestamp": "2026-07-04T05:04:40Z"}}, "state.value"),
        ({"state": {"value": "ALARM", "timestamp": "soon"}}, "state.timestamp"),
        ({"state": {"value": "ALARM", "timestamp": "2126-07-04T05:04:40Z"}}, "yet to come"),
        ({"configuration": {"metrics": [{"metricStat": 7}]}}, "configuration.metrics.0.metricStat"),
    ],
)
def test_an_alarm_that_is_none_is_refused_by_what_is_wrong_with_it(
    cloud: Cloud, context: LambdaContext, change: dict[str, Any], fault: str
) -> None:
    event = copy.deepcopy(ALARM)
    event["detail"]["alarm"] |= change

    with pytest.raises(NoCauseError, match=re.escape(fault)):
        decide_retraining(event, context)

    assert cloud.ledger().list_alarms() == []


@pytest.mark.usefixtures("cloud")
def test_an_alarm_s_event_without_its_alarm_or_of_another_kind_is_refused(context: LambdaContext) -> None:
    with pytest.raises(NoCauseError, match=r"detail\.alarm is not what CloudWatch says"):
        decide_retraining(ALARM | {"detail": {"use_case": "taxi_eta"}}, context)
    with pytest.raises(NoCauseError, match="'Object Created' is no cause of a training"):
        decide_retraining(ALARM | {"detail-type": "Object Created"}, context)


@pytest.mark.usefixtures("cloud")
def test_an_unknown_use_case_is_an_error(context: LambdaContext) -> None:
    with pytest.raises(UnknownUseCaseError):
        decide_retraining(SNAPSHOT | {"detail": {"use_case": "bus_eta"}}, context)
