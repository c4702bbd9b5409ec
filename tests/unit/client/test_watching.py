"""What is told of a deployment, and that each thing is told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from noriba.client import watching
from noriba.client.monitoring import NoReportError
from noriba.client.watching import Watcher
from noriba.records.monitoring import Finding, MonitoringReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class FakeCloudWatch:
    """Alarms as `DescribeAlarmHistory` tells them."""

    items: list[dict[str, Any]] = field(default_factory=list)

    def get_paginator(self, name: str) -> FakeCloudWatch:
        assert name == "describe_alarm_history"
        return self

    def paginate(self, *, StartDate: datetime, **_more: object) -> Iterator[dict[str, Any]]:  # noqa: N803  # AWS's
        yield {"AlarmHistoryItems": [item for item in self.items if item["Timestamp"] >= StartDate]}

    def change(self, name: str, at: datetime, before: str, after: str) -> None:
        summary = f"Alarm updated from {before} to {after}"
        self.items.append({"AlarmName": name, "Timestamp": at, "HistorySummary": summary})


@dataclass
class FakeDeployment:
    """A session whose records are lists here."""

    cloudwatch: FakeCloudWatch = field(default_factory=FakeCloudWatch)
    findings: Sequence[Finding] | None = None
    until: datetime = NOW
    prefix: str = "noriba"

    @property
    def places(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(clients=SimpleNamespace(cloudwatch=self.cloudwatch))]

    @property
    def registry(self) -> SimpleNamespace:
        package = SimpleNamespace(version=3, created_at=NOW, status="Rejected", note="worse than the champion")
        return SimpleNamespace(list_packages=lambda: [package])

    def read_monitoring_report(self) -> MonitoringReport:
        if self.findings is None:
            raise NoReportError
        return MonitoringReport(
            use_case="taxi_eta",
            unit="s",
            model_version=1,
            since=self.until - 24 * HOUR,
            until=self.until,
            parts=(),
            findings=tuple(self.findings),
        )


def find(verdict: Any) -> Finding:
    return Finding(kind="accuracy", verdict=verdict, reason="because")


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> FakeDeployment:
    """A deployment in which nothing was decided and nothing rolled out."""
    found = FakeDeployment()
    monkeypatch.setattr(watching, "read_monitoring_report", FakeDeployment.read_monitoring_report)
    monkeypatch.setattr(watching, "list_retrainings", lambda _session: [])
    monkeypatch.setattr(watching, "list_rollouts", lambda _session: [])
    return found


def watch(deployment: Any, since: datetime = NOW - HOUR, told: Any = ()) -> Watcher:
    return Watcher(deployment, since=since, told=told)


def test_an_alarm_that_cloudformation_named_is_told_without_its_hashes(deployment: FakeDeployment) -> None:
    name = "noriba-serving-LatencyAlarmD7E92EA1-9F1AF44575AED"
    deployment.cloudwatch.change(name, NOW + HOUR, "OK", "ALARM")
    watcher = Watcher(deployment, since=NOW - HOUR)  # type: ignore[arg-type]  # what a watcher asks of a session

    [told] = [event for event in watcher.look(NOW + HOUR) if event.kind == "alarm_fired"]

    assert (told.about, told.text) == (name, "noriba-serving-LatencyAlarm rings")


def test_an_alarm_is_told_when_it_rings_and_when_it_stops_and_no_other_state_is(deployment: FakeDeployment) -> None:
    alarms = deployment.cloudwatch
    alarms.change("noriba-one", NOW, "INSUFFICIENT_DATA", "OK")
    alarms.change("noriba-one", NOW + HOUR, "OK", "ALARM")
    alarms.change("other-one", NOW + HOUR, "OK", "ALARM")
    alarms.change("noriba-one", NOW + 2 * HOUR, "ALARM", "OK")

    found = [event for event in watch(deployment).look(NOW + 3 * HOUR) if event.kind != "candidate"]

    assert [(event.kind, event.about, event.at) for event in found] == [
        ("alarm_fired", "noriba-one", NOW + HOUR),
        ("alarm_cleared", "noriba-one", NOW + 2 * HOUR),
    ]


def test_nothing_is_told_twice_not_even_by_the_next_watcher(deployment: FakeDeployment) -> None:
    deployment.cloudwatch.change("noriba-one", NOW, "OK", "ALARM")
    watcher = watch(deployment)

    first, second = watcher.look(NOW), watcher.look(NOW + HOUR)

    assert {event.kind for event in first} == {"alarm_fired", "candidate"}
    assert second == []
    assert watch(deployment, told=first).look(NOW + HOUR) == []


def test_nothing_from_before_is_told(deployment: FakeDeployment) -> None:
    deployment.cloudwatch.change("noriba-one", NOW, "OK", "ALARM")

    assert watch(deployment, since=NOW + timedelta(seconds=1)).look(NOW + HOUR) == []


def test_a_finding_is_told_when_its_verdict_changes(deployment: FakeDeployment) -> None:
    watcher, told = watch(deployment), []
    for number, verdict in enumerate(["steady", "changed", "changed", "unknown", "steady", "steady", "changed"]):
        deployment.findings, deployment.until = [find(verdict)], NOW + number * HOUR
        told += [event for event in watcher.look(deployment.until) if event.kind == "finding"]

    assert [(event.text.partition(":")[0], event.at) for event in told] == [
        ("changed", NOW + HOUR),
        ("steady", NOW + 4 * HOUR),
        ("changed", NOW + 6 * HOUR),
    ]
    # One that goes on knows the last word.
    again = watch(deployment, told=told)
    assert [event for event in again.look(NOW + 7 * HOUR) if event.kind == "finding"] == []
