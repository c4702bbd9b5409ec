"""What the steps of one ingest tell each other, and where they leave it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from noriba.records.ingest import LandedObject, name_chunk_results, name_quarantine, name_refusal

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
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


def test_an_object_is_read_from_the_event_that_announces_it() -> None:
    landed = LandedObject.from_event(EVENT)

    assert landed.use_case == "taxi_eta"
    assert landed.bucket == "raw"
    assert landed.key == "taxi_eta/2023/green 01+é#1.parquet"
    assert landed.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert landed.sequencer == "00617F08299329D189"
    assert landed.size == 1234
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


def test_chunks_are_quarantined_in_an_order_that_sorts() -> None:
    landed = LandedObject.from_event(EVENT)

    names = [name_quarantine(landed, index) for index in (0, 2, 10, 99_999)]

    assert names == sorted(names)
