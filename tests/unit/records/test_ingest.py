"""What the steps of one ingest tell each other, and where they leave it."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba.records.ingest import (
    MOST_PLACE_BYTES,
    NO_USE_CASE,
    LandedObject,
    name_chunk_results,
    name_quarantine,
    name_refusal,
)

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "time": "2026-07-04T03:00:00Z",
    "detail": {
        "version": "0",
        "bucket": {"name": "raw"},
        "object": {
            "key": "taxi_eta/2023/green 01+é#1.parquet",
            "size": 1234,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "00617F08299329D189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "reason": "PutObject",
    },
}


VERSION = EVENT["detail"]["object"]["version-id"]  # type: ignore[index]


def announce(key: str, *, size: int = 1234) -> dict[str, Any]:
    """The same event of another object."""
    detail: dict[str, Any] = copy.deepcopy(EVENT["detail"])  # type: ignore[arg-type]
    detail["object"] |= {"key": key, "size": size}
    return {**EVENT, "detail": detail}


def test_an_object_is_read_from_the_event_that_announces_it() -> None:
    landed = LandedObject.from_event(EVENT)

    assert landed.use_case == "taxi_eta"
    assert landed.bucket == "raw"
    assert landed.key == "taxi_eta/2023/green 01+é#1.parquet"
    assert landed.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert landed.sequencer == "00617F08299329D189"
    assert landed.size == 1234
    assert landed.landed_at_s == datetime(2026, 7, 4, 3, tzinfo=UTC).timestamp()
    assert LandedObject.model_validate(landed.model_dump()) == landed


def test_an_event_without_a_version_is_refused_because_the_bucket_must_be_versioned() -> None:
    detail = {name: value for name, value in EVENT["detail"]["object"].items() if name != "version-id"}  # type: ignore[index]

    with pytest.raises(ValidationError, match="version-id"):
        LandedObject.from_event({"detail": {"bucket": {"name": "raw"}, "object": detail}})


def test_every_version_of_an_object_reports_to_its_own_place() -> None:
    landed = LandedObject.from_event(EVENT)
    other = landed.model_copy(update={"version_id": "another"})

    for name in (name_chunk_results, name_refusal, lambda item: name_quarantine(item, 0)):
        assert name(landed) != name(other)
        assert name(landed).startswith("taxi_eta/")


@pytest.mark.parametrize("key", ["/x.csv", "/taxi_eta/x.csv", "/"])
def test_a_key_that_begins_with_a_slash_has_no_use_case_but_a_place(key: str) -> None:
    landed = LandedObject.from_event(announce(key))

    assert landed.use_case == NO_USE_CASE
    assert name_refusal(landed) == f"{NO_USE_CASE}/{key}/{VERSION}/refused.json"


@pytest.mark.parametrize(
    ("key", "size", "folder"),
    [("taxi_eta/may/", 0, True), ("taxi_eta/", 0, True), ("taxi_eta/may/", 9, False), ("taxi_eta/may.csv", 0, False)],
)
def test_what_the_console_makes_for_a_folder_is_told_from_a_file(key: str, size: int, folder: bool) -> None:
    assert LandedObject.from_event(announce(key, size=size)).is_folder is folder


KEYS = st.text(min_size=1, max_size=300) | st.builds(
    lambda beginning, letter, length: (beginning + letter * length).encode()[:1024].decode(errors="ignore"),
    st.sampled_from(["", "taxi_eta/", "x/y/", "/"]),
    st.sampled_from(["k", "é", "日", "🚕", "\n"]),
    st.integers(1, 1024),
)


@given(KEYS, KEYS)
def test_whatever_the_key_its_places_are_its_own_and_not_too_long_for_s3_or_the_ledger(one: str, other: str) -> None:
    for name in (name_chunk_results, name_refusal, lambda item: name_quarantine(item, 99_999)):
        mine, theirs = (name(LandedObject.from_event(announce(key))) for key in (one, other))

        assert len(json.dumps(mine, ensure_ascii=False).encode()) <= MOST_PLACE_BYTES + 30
        assert (mine == theirs) == (one == other)


def test_a_long_key_stays_with_its_use_case_and_a_short_one_is_part_of_the_place() -> None:
    short, long = (LandedObject.from_event(announce(f"taxi_eta/{'k' * length}.csv")) for length in (100, 1000))

    assert name_refusal(short) == f"taxi_eta/{short.key}/{VERSION}/refused.json"
    assert re.fullmatch(rf"taxi_eta/[0-9a-f]{{64}}/{VERSION}/refused\.json", name_refusal(long))


def test_chunks_are_quarantined_in_an_order_that_sorts() -> None:
    landed = LandedObject.from_event(EVENT)

    names = [name_quarantine(landed, index) for index in (0, 2, 10, 99_999)]

    assert names == sorted(names)
