"""Captured lines, and where they lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from noriba.records.captures import (
    name_capture_folder,
    name_capture_folders,
    name_outcome_folder,
    name_outcome_folders,
    parse_capture,
    read_hour,
)
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns

ANSWER = ModelAnswer((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), claimed_coverage=0.8, bundle_digest="d")


def line(*, names: list[str | None] | None = None, **changes: Any) -> str:
    columns = {"a@1": np.array([1.0, 2.0])}
    sides = {
        "endpointInput": (encode_columns(columns, candidate_ids=names or ()), "INPUT"),
        "endpointOutput": (encode_answer(ANSWER), "OUTPUT"),
    }
    captured = {
        side: {"observedContentType": "application/json", "mode": mode, "data": data.decode(), "encoding": "JSON"}
        for side, (data, mode) in sides.items()
    }
    document = {
        "captureData": captured,
        "eventMetadata": {"eventId": "e", "inferenceId": "p", "inferenceTime": "2026-07-01T12:00:00Z"},
        "eventVersion": "0",
    }
    return json.dumps(document | changes)


def test_a_line_says_who_asked_when_and_what_was_answered() -> None:
    found = parse_capture(line(names=["near", "far"]))

    assert found is not None
    assert (found.prediction_id, found.at) == ("p", datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert found.candidate_ids == ("near", "far")
    assert found.answer == ANSWER
    assert found.features == {"a@1": (1.0, 2.0)}
    assert found.inputs == {}


def test_inputs_are_written_out_row_by_row() -> None:
    found = parse_capture(broken("endpointInput", inputs={"a": "a@1", "at": 7.0, "rain": None, "b": [1.5, None]}))

    assert found is not None
    assert found.inputs == {"a": (1.0, 2.0), "at": (7.0, 7.0), "rain": (None, None), "b": (1.5, None)}


def test_rows_without_names_have_none() -> None:
    found = parse_capture(line())

    assert found is not None
    assert found.candidate_ids == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"eventMetadata": {"eventId": "e", "inferenceTime": "2026-07-01T12:00:00Z"}},
        {"captureData": {}},
        {"captureData": {**json.loads(line())["captureData"], "endpointInput": {"encoding": "BASE64", "data": "AA=="}}},
    ],
)
def test_what_nobody_can_join_is_left_out(changes: dict[str, Any]) -> None:
    assert parse_capture(line(**changes)) is None


@pytest.mark.parametrize(
    "answered",
    [
        {"encoding": "JSON", "data": '{"eta_s": null}'},
        {"encoding": "JSON", "data": '{"low": [1], "value": ["soon"], "high": [2]}'},
        {"encoding": "JSON", "data": "[]"},
        {"encoding": "BASE64", "data": "AA=="},
    ],
)
def test_an_answer_that_is_none_is_one_of_no_rows(answered: dict[str, str]) -> None:
    found = parse_capture(line(captureData={**json.loads(line())["captureData"], "endpointOutput": answered}))

    assert found is not None
    assert (found.answer.value, found.is_whole) == ((), False)


def test_captures_lie_by_the_hour_and_outcomes_by_the_day() -> None:
    since, until = (datetime.fromisoformat(text) for text in ("2026-06-30T22:59:00+00:00", "2026-07-01T00:01:00+00:00"))

    assert list(name_capture_folders("noriba-taxi-eta", "v3", since=since, until=until)) == [
        "noriba-taxi-eta/v3/2026/06/30/22/",
        "noriba-taxi-eta/v3/2026/06/30/23/",
        "noriba-taxi-eta/v3/2026/07/01/00/",
    ]
    assert list(name_outcome_folders(since=since, until=until)) == [
        "outcomes/date=2026-06-30/",
        "outcomes/date=2026-07-01/",
    ]


def test_an_hour_is_utc_s_whatever_clock_one_asks_by() -> None:
    there = datetime.fromisoformat("2026-07-01T08:30:00+09:00")

    assert list(name_capture_folders("e", "v1", since=there, until=there)) == ["e/v1/2026/06/30/23/"]


def broken(side: str, **changes: Any) -> str:
    """A captured line in which something of what was asked or answered is another."""
    document = json.loads(line())
    data = document["captureData"][side]
    data["data"] = json.dumps(json.loads(data["data"]) | changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        broken("endpointInput", candidate_ids=["near"]),
        broken("endpointInput", candidate_ids=["near", 7]),
        broken("endpointInput", candidate_ids=["near", "\ud800"]),
        broken("endpointInput", columns={"a@1": [1.0, 2.0], "b@2": [1.0]}),
        broken("endpointInput", columns={"a@1": [1.0, 10**400]}),
        broken("endpointInput", group=2**31),
        broken("endpointInput", inputs={"a": "nowhere@1"}),
        broken("endpointInput", inputs={"a": [1.0]}),
        broken("endpointInput", inputs={"a": 10**400}),
        broken("endpointInput", inputs={"a": {"b": 1.0}}),
        broken("endpointInput", inputs={"\ud800": 1.0}),
        line(eventMetadata={"inferenceId": 7, "inferenceTime": "2026-07-01T12:00:00Z"}),
        line(eventMetadata={"inferenceId": "p", "inferenceTime": "2026-07-01T12:00:00"}),
    ],
)
def test_what_could_not_be_written_into_a_table_is_no_answer(text: str) -> None:
    """One such line would keep a whole hour from being compacted."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError, OverflowError)):
        parse_capture(text)


def test_what_was_asked_without_an_id_was_nobody_s_prediction() -> None:
    """An operator's question, put to a model again."""
    assert parse_capture(line(eventMetadata={"eventId": "e", "inferenceTime": "2026-07-01T12:00:00Z"})) is None


@pytest.mark.parametrize(
    "changes", [{"value": [3.0]}, {"low": ["a", "b"]}, {"claimed_coverage": None}, {"high": [10**400, 1.0]}]
)
def test_an_answer_that_is_none_is_an_answer_that_is_not_whole(changes: dict[str, Any]) -> None:
    found = parse_capture(broken("endpointOutput", **changes))

    assert found is not None
    assert not found.is_whole


def test_an_object_says_which_hour_it_lies_under() -> None:
    hour = datetime(2026, 7, 1, 9, tzinfo=UTC)

    assert read_hour(f"{name_capture_folder('noriba-taxi-eta', 'v3', hour)}a.jsonl") == hour
    assert read_hour(f"{name_outcome_folder(hour)}stream-1") == hour
    for elsewhere in ("e/v3/2026/07/01/a", "e/v3/notes", "outcomes/date=2026-07-01/a", "failed/date=2026-07-01/a/b/c"):
        assert read_hour(elsewhere) is None
