"""How sure a question about drift is, out of what the use case says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from noriba.client import drift
from noriba.records.profiles import ColumnProfile, Profile
from noriba.usecase import MonitoringPolicy

if TYPE_CHECKING:
    from noriba.client import Session

DAYS = 10
SINCE = datetime(2026, 7, 1, tzinfo=UTC)
IDENTITIES = ("length_m@0123456789abcdef",)
LIKE_EVER = {"asked": "1000", "known0": "1000", "below0_0": "500"}
PROFILE = Profile(
    days=tuple(date(2026, 6, 1) + timedelta(days=day) for day in range(DAYS)),
    columns={"length_m": ColumnProfile(edges=(1_000.0,), counts=((500, 500, 0),) * DAYS)},
)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A champion that was trained on ten days, and was asked the same since."""
    answers: dict[str, Any] = {
        "read_profile": (PROFILE, IDENTITIES),
        "compact_observations": None,
        "ask_observations": [LIKE_EVER],
    }
    for name, answer in answers.items():
        monkeypatch.setattr(drift, name, lambda *_given, answer=answer, **_more: answer)
    champion = SimpleNamespace(model_package_arn="arn:x/7", model_data_uri="s3://models/model.tar.gz")
    policies = SimpleNamespace(monitoring=MonitoringPolicy(drift_alpha=0.2))
    return cast(
        "Session",
        SimpleNamespace(
            use_case_name="taxi_eta",
            use_case=SimpleNamespace(policies=policies),
            at={"registry": SimpleNamespace(s3=None)}.__getitem__,
            ledger=SimpleNamespace(read_champion=lambda: champion),
        ),
    )


@pytest.mark.parametrize(
    ("given", "alpha", "verdict"), [({}, 0.2, "steady"), ({"alpha": 0.05}, 0.05, "unknown")], ids=["policy", "said"]
)
def test_drift_is_told_as_often_as_the_monitor_may_tell_it(
    session: Session, given: dict[str, float], alpha: float, verdict: str
) -> None:
    """Four days of training are enough for one false alarm in five; for one in twenty it takes nineteen."""
    report = drift.read_drift(session, since=SINCE, until=SINCE + timedelta(days=1), **given)

    assert (report.alpha, report.verdict) == (alpha, verdict)
