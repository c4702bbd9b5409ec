"""Alarms in the laptop cloud: they watch one series, tell EventBridge, and calm down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.tests.conftest import Clients, Eventually, Watch
    from laptop_cloud.process import RunningCloud


@pytest.fixture
def put_alarm(client: Clients, name: str) -> Callable[..., None]:
    def put(**settings: Any) -> None:
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmDescription="intervals cover too little",
            Namespace=f"Noriba/{name}",
            MetricName="Coverage",
            Dimensions=[{"Name": "UseCase", "Value": "taxi_eta"}],
            **{
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 0.7,
                "ComparisonOperator": "LessThanThreshold",
                "TreatMissingData": "ignore",
                **settings,
            },
        )

    return put


@pytest.fixture
def put_coverage(client: Clients, name: str) -> Callable[..., None]:
    def put(value: float, use_case: str = "taxi_eta") -> None:
        datum = {"MetricName": "Coverage", "Value": value, "Dimensions": [{"Name": "UseCase", "Value": use_case}]}
        client("cloudwatch").put_metric_data(Namespace=f"Noriba/{name}", MetricData=[datum])

    return put


@pytest.fixture
def alarm(client: Clients, name: str) -> Callable[[], dict[str, Any]]:
    def describe() -> dict[str, Any]:
        found: dict[str, Any] = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        return found

    return describe


def test_a_change_of_state_is_an_event_as_aws_sends_it(
    cloud: RunningCloud,
    name: str,
    watch: Watch,
    put_alarm: Callable[..., None],
    put_coverage: Callable[..., None],
) -> None:
    inbox = watch({"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}})
    put_alarm()

    put_coverage(0.5)

    event = inbox.receive_json()
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [f"arn:aws:cloudwatch:{cloud.region}:{cloud.account}:alarm:{name}"]
    detail = event["detail"]
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert detail["state"]["value"] == "ALARM"
    assert detail["state"]["reason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [0.5 (")
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [0.5]
    assert detail["configuration"] == {
        "description": "intervals cover too little",
        "metrics": [
            {
                "id": "m1",
                "metricStat": {
                    "metric": {
                        "namespace": f"Noriba/{name}",
                        "name": "Coverage",
                        "dimensions": {"UseCase": "taxi_eta"},
                    },
                    "period": 60,
                    "stat": "Average",
                },
                "returnData": True,
            }
        ],
    }


def test_another_series_of_the_same_metric_is_none_of_its_business(
    put_alarm: Callable[..., None],
    put_coverage: Callable[..., None],
    alarm: Callable[[], dict[str, Any]],
    eventually: Eventually,
) -> None:
    put_alarm()

    put_coverage(0.1, use_case="another")
    put_coverage(0.9)

    eventually(lambda: alarm()["StateValue"] == "OK")


def test_an_alarm_comes_back_to_ok_when_nothing_bad_comes_any_more(
    put_alarm: Callable[..., None],
    put_coverage: Callable[..., None],
    alarm: Callable[[], dict[str, Any]],
    eventually: Eventually,
) -> None:
    put_alarm(Period=1, TreatMissingData="notBreaching")

    put_coverage(0.1)

    eventually(lambda: alarm()["StateValue"] == "ALARM")
    eventually(lambda: alarm()["StateValue"] == "OK", within_s=15)


def test_a_state_that_is_set_by_hand_is_told_too(
    client: Clients, name: str, watch: Watch, put_alarm: Callable[..., None]
) -> None:
    inbox = watch({"source": ["aws.cloudwatch"], "detail": {"alarmName": [name], "state": {"value": ["ALARM"]}}})
    put_alarm()

    client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a rehearsal")

    assert inbox.receive_json()["detail"]["state"]["reason"] == "a rehearsal"


def test_a_composite_alarm_follows_and_is_told_too(
    client: Clients,
    name: str,
    watch: Watch,
    put_alarm: Callable[..., None],
    put_coverage: Callable[..., None],
) -> None:
    put_alarm()
    client("cloudwatch").put_composite_alarm(AlarmName=f"{name}-all", AlarmRule=f'ALARM("{name}")')
    inbox = watch(
        {"source": ["aws.cloudwatch"], "detail": {"alarmName": [f"{name}-all"], "state": {"value": ["ALARM"]}}}
    )

    put_coverage(0.1)

    assert inbox.receive_json()["detail"]["configuration"]["alarmRule"] == f'ALARM("{name}")'
