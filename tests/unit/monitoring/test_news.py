"""What a snapshot holds that the latest training did not have."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from noriba.datasets.snapshots import build_manifest
from noriba.events import DataFacts
from noriba.monitoring.news import weigh_news
from noriba.records.snapshot import IngestedObject, Part, SnapshotManifest
from noriba.records.traffic import SOURCE
from noriba.records.training import TrainingRecord
from tests.unit.training.deliveries import USE_CASE

DAY_S = 86_400.0
# Day 20,635.
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def land(key: str, *, days: tuple[float, float], rows: int = 100, bad: int = 0, version: str = "v1") -> IngestedObject:
    """A landed object, all of whose kept rows are in one part."""
    sha256 = hashlib.sha256(f"{key} {version}".encode()).hexdigest()
    part = Part(
        sha256=sha256,
        key=sha256,
        version_id="v",
        feature_fingerprint="f",
        rows=rows,
        size=1,
        first_s=days[0] * DAY_S,
        last_s=days[1] * DAY_S,
    )
    return IngestedObject(
        key=key,
        version_id=version,
        sequencer=version,
        source="s",
        rows_read=rows + bad,
        rows_kept=rows,
        rows_quarantined=bad,
        reasons={},
        parts=(part,),
    )


def commit(*objects: IngestedObject) -> SnapshotManifest:
    return build_manifest(USE_CASE, objects, bucket="datasets")


def weigh(manifest: SnapshotManifest, before: SnapshotManifest | None = None) -> DataFacts:
    if before is None:
        return weigh_news(manifest, last=None, trained_on=None, now=NOW)
    last = TrainingRecord("d", before.snapshot_id, before.rows_kept, datetime(2026, 1, 1, tzinfo=UTC), running=False)
    return weigh_news(manifest, last=last, trained_on=before, now=NOW)


JUNE, JULY = land("june.csv", days=(0, 30), bad=10), land("july.csv", days=(30, 60), rows=300, bad=100)


def test_before_the_first_training_everything_is_new() -> None:
    manifest = commit(JUNE, JULY)

    assert weigh(manifest) == DataFacts(
        snapshot_id=manifest.snapshot_id,
        rows=400,
        new_rows=400,
        later_rows=400,
        later_days=60.0,
        landed_rows=510,
        landed_quarantined=110,
    )


def test_then_only_what_came_since_counts() -> None:
    facts = weigh(commit(JUNE, JULY), commit(JUNE))

    assert (facts.rows, facts.new_rows, facts.later_rows, facts.later_days) == (400, 300, 300, 30.0)
    assert (facts.landed_rows, facts.landed_quarantined) == (400, 100)


def test_old_rows_that_come_late_are_new_and_not_later() -> None:
    facts = weigh(commit(JUNE, JULY), commit(JULY))

    assert (facts.new_rows, facts.later_rows, facts.later_days) == (100, 0, 0.0)


def test_a_file_that_was_repaired_has_landed_anew() -> None:
    repaired = land("july.csv", days=(30, 61), rows=390, bad=10, version="v2")

    facts = weigh(commit(JUNE, JULY, repaired), commit(JUNE, JULY))

    assert (facts.rows, facts.new_rows, facts.later_rows, facts.later_days) == (490, 90, 390, 1.0)
    assert (facts.landed_rows, facts.landed_quarantined) == (400, 10)


def test_rows_that_were_taken_back_are_fewer() -> None:
    assert weigh(commit(JUNE), commit(JUNE, JULY)).new_rows == -300


def test_nothing_new_is_nothing() -> None:
    facts = weigh(commit(JUNE), commit(JUNE))

    assert (facts.new_rows, facts.later_rows, facts.landed_rows, facts.landed_quarantined) == (0, 0, 0, 0)


def test_one_row_of_the_future_makes_nothing_that_comes_later_look_old() -> None:
    """`weigh` lets the training have begun on the first of January 2026, day 20,454."""
    before = commit(land("liar.csv", days=(0, 47_000)))

    assert weigh(commit(*before.objects, land("new.csv", days=(20_455, 20_460))), before).later_rows == 100
    assert weigh(commit(*before.objects, land("old.csv", days=(10, 20))), before).later_rows == 0


def test_one_row_of_the_future_makes_no_old_rows_later() -> None:
    before = commit(JULY)

    old = weigh(commit(*before.objects, land("liar.csv", days=(0, 47_000))), before)
    new = weigh(commit(*before.objects, land("liar.csv", days=(61, 47_000))), before)

    assert (old.new_rows, old.later_rows, old.later_days) == (100, 0, 0.0)
    assert (new.later_rows, new.later_days) == (100, 20_575.0)


def test_traffic_that_breaks_rules_does_not_make_the_data_bad() -> None:
    """Apps report it, and nobody can land it repaired."""
    traffic = land("traffic/day=2026-07-01.parquet", days=(30, 31), bad=900).model_copy(update={"source": SOURCE})

    found = weigh(commit(JUNE, traffic), commit(JUNE))

    assert (found.landed_rows, found.landed_quarantined) == (0, 0)
    assert found.new_rows == 100
