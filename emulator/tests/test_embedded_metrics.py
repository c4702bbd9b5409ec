"""Reading the embedded metric format."""

from __future__ import annotations

import json

import pytest

from laptop_cloud.extensions.embedded_metrics import data_in


def line(**changes: object) -> str:
    directive = {"Namespace": "Noriba", "Dimensions": [["service"]], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}
    whole = {"_aws": {"Timestamp": 1_700_000_000_500, "CloudWatchMetrics": [directive]}, "service": "ingest", "Rows": 3}
    return json.dumps(whole | changes)


def test_one_value_is_one_datum() -> None:
    (datum,) = data_in(line())

    assert datum.model_dump() == {
        "namespace": "Noriba",
        "name": "Rows",
        "unit": "Count",
        "dimensions": {"service": "ingest"},
        "timestamp_s": 1_700_000_000.5,
        "values": (3.0,),
    }


def test_a_metric_without_dimensions_is_one_too() -> None:
    metadata = {
        "Timestamp": 1,
        "CloudWatchMetrics": [{"Namespace": "Noriba", "Dimensions": [], "Metrics": [{"Name": "Rows"}]}],
    }

    (datum,) = data_in(line(_aws=metadata))

    assert datum.dimensions == {}
    assert datum.unit == "None"


@pytest.mark.parametrize("message", ["", "plain text", '{"level": "INFO"}', "START RequestId: 1 Version: $LATEST"])
def test_other_lines_hold_no_metrics(message: str) -> None:
    assert list(data_in(message)) == []


@pytest.mark.parametrize(
    "broken",
    [
        line(Rows="many"),
        line(service=None).replace('"service": null', '"other": 1'),
        line(_aws={"Timestamp": 1}),
        '{"_aws": ',
    ],
)
def test_a_broken_line_yields_nothing_and_is_noted(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    assert list(data_in(broken)) == []
    assert "could not be read" in caplog.text
