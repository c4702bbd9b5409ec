"""One decision for each cause, recorded and announced whichever way it goes, and never two trainings at once."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from functions.decide_retraining.handler import handler as decide_retraining
from noriba.datasets.snapshots import build_manifest
from noriba.errors import UnknownUseCaseError
from noriba.events import RetrainingDecided
from noriba.records.snapshot import IngestedObject, Part, name_manifest
from noriba.records.training import TrainingRecord, name_decision
from noriba.usecase import load_use_case
from tests.functions.conftest import Cloud, read_counts, read_event

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.records.snapshot import SnapshotManifest

USE_CASE = load_use_case("taxi_eta")
ENOUGH = USE_CASE.policies.retraining.min_rows + 4_000
SNAPSHOT = read_event("dataset_snapshot_created")
REQUEST = read_event("retraining_requested")


def commit(cloud: Cloud, *, rows: int = ENOUGH, content: str = "first") -> SnapshotManifest:
    """A snapshot of so many rows, as the ingest leaves it."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    part = Part(
        sha256=sha256,
        key=f"taxi_eta/parts/{sha256}",
        version_id="v",
        feature_fingerprint=USE_CASE.features.fingerprint,
        rows=rows,
        size=1,
        first_s=0,
        last_s=1,
    )
    landed = IngestedObject(
        key=content,
        version_id="v",
        sequencer="01",
        source="TLC trip records",
        rows_read=rows,
        rows_kept=rows,
        rows_quarantined=0,
        reasons={},
        parts=(part,),
    )
    manifest = build_manifest(USE_CASE, [landed], bucket="datasets")
    key = name_manifest("taxi_eta", manifest.snapshot_id)
    cloud.store("datasets").write(key, manifest.model_dump_json().encode())
    cloud.ledger().mark_latest(manifest.snapshot_id, now=datetime.now(UTC))
    return manifest


def finish_training(cloud: Cloud) -> None:
    """What the training machine does at its end: it releases the lock."""
    table = cloud.clients.dynamodb.Table("ledger")
    table.update_item(
        Key={"use_case": "taxi_eta", "entry": "training"},
        UpdateExpression="SET running = :no",
        ExpressionAttributeValues={":no": False},
    )


def let_hours_pass(cloud: Cloud, hours: float = 2.0) -> None:
    """The latest training began so long before."""
    table = cloud.clients.dynamodb.Table("ledger")
    key = {"use_case": "taxi_eta", "entry": "training"}
    started_at = datetime.fromisoformat(str(table.get_item(Key=key)["Item"]["started_at"]))
    table.update_item(
        Key=key,
        UpdateExpression="SET started_at = :then",
        ExpressionAttributeValues={":then": (started_at - timedelta(hours=hours)).isoformat()},
    )


def another(event: dict[str, Any], number: int) -> dict[str, Any]:
    """The same kind of event, but another one."""
    return event | {"id": f"00000000-0000-4000-8000-{number:012d}"}


def hear_decision(cloud: Cloud) -> RetrainingDecided:
    (heard,) = cloud.hear()
    assert heard["detail-type"] == "RetrainingDecided"
    return RetrainingDecided.parse(heard)


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
    assert answer.reason == "10 rows are fewer than the 5000 that training needs"
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

    answer = decide_retraining(SNAPSHOT, context)

    assert answer["train"]
    assert answer["decision_id"] == interrupted.decision_id
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


@pytest.mark.usefixtures("cloud")
def test_an_unknown_use_case_is_an_error(context: LambdaContext) -> None:
    with pytest.raises(UnknownUseCaseError):
        decide_retraining(SNAPSHOT | {"detail": {"use_case": "bus_eta"}}, context)
