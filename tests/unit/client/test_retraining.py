"""Decisions as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from noriba.client import Retraining, list_retrainings
from noriba.events import AlarmFacts, DataFacts, RetrainingDecided, RetrainingWeighed

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
DATA = DataFacts(
    snapshot_id="s1", rows=9, new_rows=9, later_rows=9, later_days=1.0, landed_rows=9, landed_quarantined=0
)
ALARM = AlarmFacts(name="error", state="ALARM", reason="r", changed_at=AT, metric=None, dimensions={})


def decide(decision_id: str, *, train: bool = False) -> RetrainingDecided:
    return RetrainingDecided(
        use_case="taxi_eta",
        decision_id=decision_id,
        train=train,
        cause="CloudWatch Alarm State Change",
        reason="r",
        snapshot_id="s1",
        manifest_uri="s3://datasets/m",
        training_job_name=f"j-{decision_id}",
    )


def weigh(decision_id: str, **changes: Any) -> RetrainingWeighed:
    facts = {"outcome": "cooldown", "cause": "CloudWatch Alarm State Change", "reason": "r", "data": DATA} | changes
    return RetrainingWeighed(use_case="taxi_eta", decision_id=decision_id, **facts)


def read(*answers: tuple[RetrainingDecided, RetrainingWeighed | None], most: int = 50) -> list[Retraining]:
    """What is listed where the ledger holds these, an hour apart."""

    class FakeLedger:
        def list_answers(self) -> list[tuple[datetime, RetrainingDecided, RetrainingWeighed | None]]:
            return [(AT + timedelta(hours=hour), *answer) for hour, answer in enumerate(answers)]

    class FakeSession:
        ledger = FakeLedger()

    return list_retrainings(FakeSession(), most=most)  # type: ignore[arg-type]  # a fake


def test_the_newest_come_first_and_the_oldest_are_left_out() -> None:
    found = read(*((decide(f"d{number}"), weigh(f"d{number}")) for number in range(4)), most=3)

    assert [one.decision_id for one in found] == ["d3", "d2", "d1"]
    assert found[0].decided_at == AT + timedelta(hours=3)


def test_an_alarm_is_called_by_its_name_and_the_evidence_is_there() -> None:
    [found] = read((decide("d"), weigh("d", alarm=ALARM)))

    assert (found.cause, found.outcome, found.train) == ("alarm error", "cooldown", False)
    assert found.evidence is not None
    assert found.evidence.data == DATA


def test_a_decision_from_before_evidence_was_kept_is_listed() -> None:
    found = read((decide("d1", train=True), None), (decide("d2"), None))

    assert [(one.outcome, one.cause) for one in found] == [
        ("unknown", "CloudWatch Alarm State Change"),
        ("start", "CloudWatch Alarm State Change"),
    ]
