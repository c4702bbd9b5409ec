"""What must be known exactly once, however often an event is delivered and whoever is quickest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from boto3.dynamodb.conditions import Attr

from noriba.aws.ledger import Champion, Ledger
from noriba.datasets.raw import MOST_CHUNKS
from noriba.events import AlarmFacts, DataFacts, RetrainingDecided, RetrainingWeighed
from noriba.records.ingest import MOST_PLACE_BYTES, LandedObject
from noriba.records.live import LiveState, LiveStateError
from noriba.records.snapshot import IngestedObject, Part
from noriba.records.training import TrainingRecord
from noriba.usecase import LiveMean, LiveSpec

if TYPE_CHECKING:
    from noriba.aws.clients import Clients

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def make_landed(key: str, version_id: str = "v1") -> LandedObject:
    return LandedObject(use_case="taxi_eta", bucket="raw", key=key, version_id=version_id, sequencer="01", size=9)


def make_record(key: str, version_id: str = "v1", rows: int = 10) -> IngestedObject:
    return IngestedObject(
        key=key,
        version_id=version_id,
        sequencer="01",
        source="TLC trip records",
        rows_read=rows,
        rows_kept=rows,
        rows_quarantined=0,
        reasons={},
    )


# --- landed objects --------------------------------------------------------------------------------------------------


def test_the_first_execution_takes_an_object_and_its_own_retry_takes_it_again(ledger: Ledger) -> None:
    assert ledger.claim_object(make_landed("a"), execution="first", now=NOW) == "claimed"
    assert ledger.claim_object(make_landed("a"), execution="first", now=NOW) == "claimed"


def test_another_execution_leaves_an_object_that_is_taken_however_long(ledger: Ledger) -> None:
    ledger.claim_object(make_landed("a"), execution="first", now=NOW)

    assert ledger.claim_object(make_landed("a"), execution="second", now=LATER) == "taken"


@pytest.mark.parametrize("execution", ["first", "second"])
def test_an_object_that_was_dealt_with_is_never_taken_again(ledger: Ledger, execution: str) -> None:
    for key in ("kept", "refused"):
        ledger.claim_object(make_landed(key), execution="first", now=NOW)
    ledger.keep_object(make_record("kept"))
    ledger.refuse_object("refused", "v1", reason="the file is empty (0 bytes)", execution="first")

    assert ledger.claim_object(make_landed("kept"), execution=execution, now=LATER) == "settled"
    assert ledger.claim_object(make_landed("refused"), execution=execution, now=LATER) == "settled"


def test_each_version_of_an_object_is_taken_by_itself(ledger: Ledger) -> None:
    ledger.claim_object(make_landed("a"), execution="first", now=NOW)

    assert ledger.claim_object(make_landed("a", "v2"), execution="second", now=NOW) == "claimed"


def test_objects_are_pending_until_they_are_settled(ledger: Ledger) -> None:
    for key in ("kept", "refused", "pending"):
        ledger.claim_object(make_landed(key), execution=key, now=NOW)
    ledger.keep_object(make_record("kept"))
    ledger.refuse_object("refused", "v1", reason="no", execution="refused")

    assert ledger.count_pending() == 1


def test_what_is_pending_is_listed_with_its_execution_the_oldest_first(ledger: Ledger) -> None:
    for hour, key in enumerate(("b", "kept", "a")):
        ledger.claim_object(make_landed(key), execution=f"takes-{key}", now=NOW + timedelta(hours=hour))
    ledger.keep_object(make_record("kept"))

    assert [(one.landed, one.execution) for one in ledger.list_received()] == [
        (make_landed("b"), "takes-b"),
        (make_landed("a"), "takes-a"),
    ]


def test_what_was_refused_in_an_executions_place_it_can_no_longer_keep(ledger: Ledger) -> None:
    ledger.claim_object(make_landed("a"), execution="first", now=NOW)
    ledger.refuse_object("a", "v1", reason="its ingest ended", execution="first")

    assert not ledger.keep_object(make_record("a"))
    assert ledger.list_kept() == []


def test_who_did_not_take_an_object_cannot_refuse_it(ledger: Ledger) -> None:
    for key in ("taken", "kept"):
        ledger.claim_object(make_landed(key), execution="first", now=NOW)
    ledger.keep_object(make_record("kept"))

    assert not ledger.refuse_object("taken", "v1", reason="not mine", execution="second")
    assert not ledger.refuse_object("kept", "v1", reason="not mine", execution="second")
    assert ledger.list_refused() == {}


def test_an_object_that_nobody_has_taken_may_be_refused_and_once_more(ledger: Ledger) -> None:
    assert ledger.refuse_object("a", "v1", reason="unknown use case", execution="first")
    assert ledger.refuse_object("a", "v1", reason="unknown use case", execution="second")


def test_what_was_kept_and_what_was_refused_is_listed_with_everything_known(ledger: Ledger) -> None:
    for key in ("jan", "feb", "bad#1.csv"):
        ledger.claim_object(make_landed(key), execution="e", now=NOW)
    ledger.keep_object(make_record("jan"))
    ledger.keep_object(make_record("feb", rows=20))
    ledger.refuse_object("bad#1.csv", "v1", reason="not readable as CSV", execution="e")

    assert sorted(ledger.list_kept(), key=lambda item: item.key) == [make_record("feb", rows=20), make_record("jan")]
    assert ledger.list_refused() == {"bad#1.csv": "not readable as CSV"}


def test_the_state_of_one_object_is_told(ledger: Ledger) -> None:
    assert ledger.find_object("a", "v1") is None
    ledger.claim_object(make_landed("a"), execution="e", now=NOW)
    received = ledger.find_object("a", "v1")
    ledger.keep_object(make_record("a"))
    kept = ledger.find_object("a", "v1")

    assert received is not None
    assert (received.status, received.record) == ("received", None)
    assert kept is not None
    assert (kept.status, kept.record) == ("kept", make_record("a"))


@pytest.mark.parametrize("length", [900, 983, 984, 985, 1024])
@pytest.mark.parametrize("letter", ["k", "日"])
def test_the_longest_keys_have_an_entry_of_their_own(ledger: Ledger, letter: str, length: int) -> None:
    version = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    keys = [(letter * length).encode()[: length - 1].decode(errors="ignore") + end for end in "ab"]
    for key in keys:
        assert ledger.claim_object(make_landed(key, version), execution="e", now=NOW) == "claimed"
        ledger.refuse_object(key, version, reason=key[-1], execution="e")

    for key in keys:
        found = ledger.find_object(key, version)
        assert found is not None
        assert found.reason == key[-1]
    assert [name[:100] for name in ledger.list_refused()] == [letter * 100] * 2


def test_an_object_of_as_many_chunks_as_there_may_be_fits_its_entry(ledger: Ledger) -> None:
    key = f"taxi_eta/{'k' * 1000}"
    digests = [f"{chunk:064x}" for chunk in range(MOST_CHUNKS)]
    parts = tuple(
        Part(
            sha256=digest,
            key=f"a_use_case_of_24_letters/parts/00/{digest}.parquet",
            version_id="v" * 32,
            feature_fingerprint="f" * 64,
            rows=999_999,
            size=99_999_999,
            first_s=-1234567890.123456,
            last_s=-1234567890.123456,
        )
        for digest in digests
    )
    quarantine_keys = tuple("q" * (MOST_PLACE_BYTES + len("chunk-00000.parquet")) for _ in digests)
    record = make_record(key).model_copy(update={"parts": parts, "quarantine_keys": quarantine_keys})
    ledger.claim_object(make_landed(key), execution="e", now=NOW)

    ledger.keep_object(record)

    assert ledger.list_kept() == [record]
    assert len(record.model_dump_json()) < 390 * 1024  # of 400 KB


def test_use_cases_do_not_see_each_other(clients: Clients, ledger: Ledger) -> None:
    other = Ledger(clients.dynamodb.Table(ledger._table.name), "bus_eta")
    ledger.claim_object(make_landed("a"), execution="first", now=NOW)
    ledger.claim_snapshot("snap-1", execution="first", now=NOW)

    assert other.claim_object(make_landed("a"), execution="second", now=NOW) == "claimed"
    assert other.list_snapshots() == []
    assert other.count_pending() == 1


def test_a_ledger_longer_than_one_page_is_read_to_its_end(ledger: Ledger) -> None:
    """DynamoDB answers at most a mebibyte at once."""
    wide = make_record("x").model_copy(update={"quarantine_keys": ("k" * 300_000,)})
    for number in range(5):
        record = wide.model_copy(update={"key": f"object-{number}"})
        ledger.claim_object(make_landed(record.key), execution="e", now=NOW)
        ledger.keep_object(record)

    assert len(ledger.list_kept()) == 5


def test_entries_that_an_earlier_version_wrote_are_read(ledger: Ledger) -> None:
    """An upgrade finds the ledger as it was left."""
    old = [
        {"entry": "object#a#v1", "status": "received", "execution": "e", "received_at": NOW.isoformat()},
        {"entry": "object#b#v1", "status": "refused", "reason": "no header"},
        {"entry": "rollout", "execution": "e"},
        {
            "entry": "training",
            "decision_id": "d",
            "snapshot_id": "s",
            "rows": 9,
            "started_at": NOW.isoformat(),
            "running": False,
        },
        {"entry": "decision#d", "decided_at": NOW.isoformat(), "record": make_decision("d").model_dump_json()},
    ]
    for item in old:
        ledger._table.put_item(Item={"use_case": "taxi_eta", **item})  # type: ignore[dict-item]

    assert (ledger.list_received(), ledger.count_pending()) == ([], 0)
    refused, training, rollout = ledger.find_object("b", "v1"), ledger.read_training(), ledger.read_rollout()
    assert refused is not None
    assert refused.reason == "no header"
    assert training is not None
    assert training.starts == ()
    assert training.failures == 0
    assert ledger.list_answers() == [(NOW, make_decision("d"), None)]
    assert rollout is not None
    assert rollout.execution == "e"


# --- snapshots -------------------------------------------------------------------------------------------------------


def test_one_execution_announces_a_snapshot_and_so_does_its_retry(ledger: Ledger) -> None:
    assert ledger.claim_snapshot("snap-1", execution="first", now=NOW)
    assert ledger.claim_snapshot("snap-1", execution="first", now=LATER)
    assert not ledger.claim_snapshot("snap-1", execution="second", now=LATER)


def test_snapshots_are_listed_by_the_time_of_their_first_commit(ledger: Ledger) -> None:
    ledger.claim_snapshot("snap-b", execution="e", now=NOW)
    ledger.claim_snapshot("snap-a", execution="e", now=LATER)
    ledger.claim_snapshot("snap-b", execution="another", now=LATER + timedelta(hours=1))

    assert ledger.list_snapshots() == [("snap-b", NOW), ("snap-a", LATER)]


def test_the_latest_snapshot_is_the_one_committed_last_be_it_new_or_not(ledger: Ledger) -> None:
    assert ledger.latest_snapshot() is None

    found = []
    for hour, snapshot_id in enumerate(["snap-a", "snap-b", "snap-a"]):
        ledger.mark_latest(snapshot_id, now=NOW + timedelta(hours=hour))
        found.append(ledger.latest_snapshot())

    assert found == ["snap-a", "snap-b", "snap-a"]


def test_who_looked_earlier_and_comes_later_changes_nothing(ledger: Ledger) -> None:
    """Times are compared as text; one on the full second must not lose its fraction."""
    ledger.mark_latest("snap-late", now=NOW + timedelta(microseconds=1))
    ledger.mark_latest("snap-early", now=NOW)

    assert ledger.latest_snapshot() == "snap-late"


# --- training --------------------------------------------------------------------------------------------------------


def make_training(decision_id: str, *, running: bool = True) -> TrainingRecord:
    return TrainingRecord(decision_id, "snap-1", rows=9_000, started_at=NOW, running=running)


def test_before_the_first_training_nothing_is_known(ledger: Ledger) -> None:
    assert ledger.read_training() is None


def test_of_two_decisions_at_the_same_moment_one_takes_the_lock(ledger: Ledger) -> None:
    both_saw = ledger.read_training()

    taken = [ledger.begin_training(make_training(name), replacing=both_saw) for name in ("d1", "d2")]

    assert taken == [True, False]
    assert ledger.read_training() == make_training("d1")


def test_of_two_decisions_that_saw_the_same_old_training_one_takes_the_lock(ledger: Ledger) -> None:
    ledger.begin_training(make_training("old", running=False), replacing=None)
    both_saw = ledger.read_training()

    taken = [ledger.begin_training(make_training(name), replacing=both_saw) for name in ("d1", "d2")]

    assert taken == [True, False]


def test_a_decision_that_was_interrupted_takes_its_own_lock_again(ledger: Ledger) -> None:
    ledger.begin_training(make_training("d1"), replacing=None)

    assert ledger.begin_training(make_training("d1"), replacing=None)


def make_decision(decision_id: str, *, reason: str = "first training") -> RetrainingDecided:
    return RetrainingDecided(
        use_case="taxi_eta",
        decision_id=decision_id,
        train=True,
        cause="DatasetSnapshotCreated",
        reason=reason,
        snapshot_id="snap-1",
        manifest_uri="s3://datasets/manifest.json",
        training_job_name=f"taxi-eta-{decision_id}",
    )


def make_evidence(decision_id: str, *, reason: str = "first training") -> RetrainingWeighed:
    data = DataFacts(
        snapshot_id="snap-1",
        rows=9_000,
        new_rows=9_000,
        later_rows=9_000,
        later_days=7.5,
        landed_rows=9_100,
        landed_quarantined=100,
    )
    return RetrainingWeighed(
        use_case="taxi_eta", decision_id=decision_id, outcome="start", cause="c", reason=reason, data=data
    )


def test_a_decision_is_kept_as_it_was_taken_first_with_what_it_rests_upon(ledger: Ledger) -> None:
    assert ledger.read_decision("d1") is None
    assert ledger.read_evidence("d1") is None

    ledger.record_decision(make_decision("d1"), make_evidence("d1"), now=NOW)
    ledger.record_decision(make_decision("d1", reason="another"), make_evidence("d1", reason="another"), now=LATER)

    assert ledger.read_decision("d1") == make_decision("d1")
    assert ledger.read_evidence("d1") == make_evidence("d1")
    assert ledger.list_answers() == [(NOW, make_decision("d1"), make_evidence("d1"))]


def test_of_two_answers_to_one_question_a_yes_takes_the_place_of_a_no_and_never_the_other_way(ledger: Ledger) -> None:
    """It has taken the lock: a no in its place would have nobody train, and everybody wait for it."""
    no = make_decision("d1").model_copy(update={"train": False, "reason": "cooldown"})
    yes, evidence = make_decision("d1"), make_evidence("d1")

    assert ledger.record_decision(no, evidence, now=NOW)
    assert ledger.record_decision(yes, evidence, now=LATER)
    assert ledger.read_decision("d1") == yes
    assert not ledger.record_decision(no, evidence, now=LATER)
    assert not ledger.record_decision(yes, evidence, now=LATER)
    assert ledger.list_answers() == [(LATER, yes, evidence)]


def test_a_run_s_failure_and_those_before_it_are_known(ledger: Ledger) -> None:
    ledger.begin_training(replace(make_training("d1"), failed_before=2), replacing=None)
    begun = ledger.read_training()
    # As the state machine releases the lock.
    ledger._update("training", only_if=Attr("decision_id").eq("d1"), running=False, failed=True)
    failed = ledger.read_training()

    assert begun is not None
    assert failed is not None
    assert (begun.failures, failed.failures) == (2, 3)


def tell_alarm(state: Literal["ALARM", "OK"], at: datetime, *, name: str = "error") -> AlarmFacts:
    return AlarmFacts(
        name=name, state=state, reason="1.3 > 1.2", changed_at=at, metric="noriba/Error", dimensions={"use_case": "a"}
    )


def test_an_alarm_is_what_it_last_was_whatever_order_its_events_come_in(ledger: Ledger) -> None:
    raised, over = tell_alarm("ALARM", NOW), tell_alarm("OK", LATER)

    ledger.note_alarm(raised)
    ledger.note_alarm(raised)
    assert ledger.list_alarms() == [raised]
    ledger.note_alarm(over)
    ledger.note_alarm(raised)

    assert ledger.list_alarms() == [over]


def test_alarms_are_listed_by_when_they_changed(ledger: Ledger) -> None:
    first, second = tell_alarm("ALARM", NOW, name="z"), tell_alarm("ALARM", LATER, name="a")
    for alarm in (second, first):
        ledger.note_alarm(alarm)

    assert ledger.list_alarms() == [first, second]


def test_what_a_package_learned_from_is_known_where_it_was_kept(ledger: Ledger) -> None:
    ledger.record_registration("arn:1", image_uri="i", model_data_uri="m", sha256="0", snapshot_id="snap-1")
    ledger.record_registration("arn:2", image_uri="i", model_data_uri="m", sha256="0")

    assert [ledger.read_training_snapshot(f"arn:{number}") for number in (1, 2, 3)] == ["snap-1", None, None]


# --- champion --------------------------------------------------------------------------------------------------------


def test_the_champion_is_known_once_a_rollout_has_written_it(ledger: Ledger) -> None:
    assert ledger.read_champion() is None

    ledger._table.put_item(
        Item={"use_case": "taxi_eta", "entry": "champion", "model_package_arn": "arn", "model_data_uri": "s3://m/m"}
    )

    assert ledger.read_champion() == Champion(model_package_arn="arn", model_data_uri="s3://m/m")


# --- what is known of the last hours ---------------------------------------------------------------------------------

LIVE = LiveSpec(means=(LiveMean("live_all", half_life_s=600.0),), known_after="duration_s")


def know(value: float) -> LiveState:
    state = LiveState(LIVE)
    state.add(NOW.timestamp(), [()], value)
    return state


def test_what_is_known_of_the_last_hours_is_the_latest_that_was_published(ledger: Ledger) -> None:
    assert ledger.read_live(LIVE) is None

    assert ledger.replace_live(know(-1.0).to_json(), looked_at=NOW)
    assert ledger.replace_live(know(-2.0).to_json(), looked_at=LATER)
    # Of two looks the one that ends later may be the earlier one.
    assert not ledger.replace_live(know(-3.0).to_json(), looked_at=NOW + timedelta(hours=1))
    assert not ledger.replace_live(know(-4.0).to_json(), looked_at=LATER)

    found = ledger.read_live(LIVE)
    assert found is not None
    assert found.read(NOW.timestamp(), [()]) == [-2.0]


def test_an_entry_that_no_update_wrote_is_no_state(ledger: Ledger) -> None:
    assert ledger.replace_live("soon", looked_at=NOW)

    with pytest.raises(LiveStateError):
        ledger.read_live(LIVE)
