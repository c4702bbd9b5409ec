"""A snapshot is named by what it holds, not by how that arrived."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.parts import encode_parquet, hash_content
from noriba.datasets.snapshots import build_manifest, keep_latest, write_channel_manifest
from noriba.errors import NotEnoughDataError
from noriba.features import FeatureSet, as_column
from noriba.records.snapshot import IngestedObject, Part, SnapshotManifest, name_channel_manifest, name_manifest
from noriba.usecase import UseCase, load_use_case

USE_CASE = load_use_case("taxi_eta")
RIDE = {name: as_column([1.0]) for name in USE_CASE.features.inputs}


def make_part(content: str, *, rows: int = 10, first_s: float = 0.0, last_s: float = 1.0) -> Part:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    key = f"taxi_eta/parts/{sha256[:2]}/{sha256}.parquet"
    return Part(
        sha256=sha256,
        key=key,
        version_id="v",
        feature_fingerprint=USE_CASE.features.fingerprint,
        rows=rows,
        size=1,
        first_s=first_s,
        last_s=last_s,
    )


def make_object(key: str, *contents: str, sequencer: str = "01", quarantined: int = 0) -> IngestedObject:
    parts = tuple(make_part(content) for content in contents)
    kept = sum(part.rows for part in parts)
    return IngestedObject(
        key=key,
        version_id=f"version-{sequencer}",
        sequencer=sequencer,
        source="TLC trip records",
        rows_read=kept + quarantined,
        rows_kept=kept,
        rows_quarantined=quarantined,
        reasons={"too_fast": quarantined} if quarantined else {},
        parts=parts,
    )


def build(*objects: IngestedObject, use_case: UseCase = USE_CASE) -> SnapshotManifest:
    return build_manifest(use_case, objects, bucket="datasets")


JANUARY, FEBRUARY, MARCH = (
    make_object("jan", "j1", "j2"),
    make_object("feb", "f", quarantined=3),
    make_object("mar", "m"),
)


@given(st.permutations([JANUARY, FEBRUARY, MARCH]))
def test_the_order_of_arrival_changes_nothing(objects: list[IngestedObject]) -> None:
    assert build(*objects) == build(JANUARY, FEBRUARY, MARCH)


def test_names_and_ways_of_cutting_change_no_id() -> None:
    renamed = make_object("another-name", "j1", "j2"), make_object("feb", "f")
    split = make_object("a", "j1"), make_object("b", "j2"), make_object("c", "f")

    ids = {build(*objects).snapshot_id for objects in ((JANUARY, FEBRUARY), renamed, split)}

    assert len(ids) == 1


def test_other_rows_make_another_id() -> None:
    ids = [build(JANUARY), build(JANUARY, FEBRUARY), build(make_object("jan", "j1", "J2"))]

    assert len({manifest.snapshot_id for manifest in ids}) == 3


def test_other_features_make_another_id() -> None:
    features = USE_CASE.features
    shorter = FeatureSet([feature.function for feature in features.features[:-1]], inputs=features.inputs)

    ids = {
        build_manifest(use_case, [make_object("jan", content)], bucket="datasets").snapshot_id
        for use_case in (USE_CASE, dataclasses.replace(USE_CASE, features=shorter))
        for content in [hash_content(encode_parquet(pa.table(use_case.features.compute(RIDE))))]
    }

    assert len(ids) == 2


def test_another_use_case_of_the_same_bytes_is_another_snapshot() -> None:
    assert (
        build(JANUARY).snapshot_id != build(JANUARY, use_case=dataclasses.replace(USE_CASE, name="bus_eta")).snapshot_id
    )


def test_what_landed_twice_counts_once_in_what_training_reads() -> None:
    twice = build(JANUARY, make_object("january-again", "j1", "j2"))

    assert twice.snapshot_id == build(JANUARY).snapshot_id
    assert twice.rows_kept == sum(part.rows for part in twice.parts) == 20
    assert twice.rows_repeated == 20
    assert twice.rows_read == twice.rows_kept + twice.rows_quarantined


def test_the_manifest_sums_up_what_became_of_every_row() -> None:
    early = make_object("early").model_copy(update={"parts": (make_part("e", rows=7, first_s=-5.0, last_s=2.0),)})

    manifest = build(early, FEBRUARY, MARCH)

    assert (manifest.rows_kept, manifest.rows_quarantined) == (27, 3)
    assert (manifest.first_s, manifest.last_s) == (-5.0, 2.0)
    assert [item.key for item in manifest.objects] == ["early", "feb", "mar"]
    assert [part.sha256 for part in manifest.parts] == sorted(part.sha256 for part in manifest.parts)
    assert SnapshotManifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_a_later_version_of_a_file_takes_the_place_of_the_earlier() -> None:
    corrected = make_object("jan", "j1", "j3", sequencer="02")

    assert build(JANUARY, corrected).snapshot_id == build(corrected).snapshot_id
    assert build(corrected, JANUARY).snapshot_id == build(corrected).snapshot_id


def test_an_object_without_kept_rows_is_told_of_and_adds_no_part() -> None:
    manifest = build(JANUARY, make_object("bad", quarantined=8))

    assert manifest.snapshot_id == build(JANUARY).snapshot_id
    assert manifest.rows_quarantined == 8
    assert [item.key for item in manifest.objects] == ["bad", "jan"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6"),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E51"),
        ("0055AE", "0056"),
        ("005", "0055AED6DCD90281E5"),
    ],
)
def test_sequencers_of_different_length_are_padded_before_they_are_compared(earlier: str, later: str) -> None:
    old, new = make_object("jan", "old", sequencer=earlier), make_object("jan", "new", sequencer=later)

    assert keep_latest([old, new]) == keep_latest([new, old]) == [new]


def test_without_a_kept_row_there_is_no_snapshot() -> None:
    with pytest.raises(NotEnoughDataError, match="no row of taxi_eta was kept; see the quarantine"):
        build(make_object("bad", quarantined=8))


def test_the_channel_manifest_names_exactly_the_parts() -> None:
    manifest = build(JANUARY, FEBRUARY)

    prefix, *names = json.loads(write_channel_manifest(manifest))

    assert prefix == {"prefix": "s3://datasets/taxi_eta/parts/"}
    assert {prefix["prefix"] + name for name in names} == {f"s3://datasets/{part.key}" for part in manifest.parts}


def test_manifests_stand_under_their_snapshots_id() -> None:
    assert name_manifest("taxi_eta", "snap-1") == "taxi_eta/snapshots/snap-1/manifest.json"
    assert name_channel_manifest("taxi_eta", "snap-1") == "taxi_eta/snapshots/snap-1/channel.manifest"
