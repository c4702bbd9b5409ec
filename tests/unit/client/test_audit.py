"""What is told of a model, and what is said to be missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from noriba.client import NoSuchModelError, audit_model
from noriba.events import RetrainingDecided
from noriba.records.erasure import Erasure
from noriba.records.snapshot import IngestedObject, SnapshotManifest
from tests.unit.aws.test_approvals import tell
from tests.unit.client.deployments import BEGAN, Deployed

if TYPE_CHECKING:
    from noriba.client import Audit

SNAPSHOT = SnapshotManifest(
    use_case="taxi_eta",
    snapshot_id="snap-1",
    bucket="datasets",
    label="duration_s",
    event_time="pickup_s",
    rows_read=10,
    rows_kept=9,
    rows_quarantined=1,
    rows_repeated=0,
    first_s=0.0,
    last_s=1.0,
    parts=(),
    objects=(
        IngestedObject(
            key="k",
            version_id="v",
            sequencer="1",
            source="trips",
            rows_read=10,
            rows_kept=9,
            rows_quarantined=1,
            reasons={},
        ),
    ),
)
DECISION = RetrainingDecided(
    use_case="taxi_eta",
    decision_id="d-1",
    train=True,
    cause="DatasetSnapshotCreated",
    reason="9 new rows",
    snapshot_id="snap-1",
    manifest_uri="s3://datasets/manifest.json",
    training_job_name="job-1",
)
ERASURE = Erasure(
    use_case="taxi_eta",
    key="taxi_eta/k",
    versions=(),
    erased_by="arn:officer",
    reason="request 17",
    begun_at=BEGAN + timedelta(days=9),
    datasets_keys=(),
    quarantine_keys=(),
    shared_with=(),
    snapshots=("snap-1",),
)
METADATA = {
    "snapshot_id": "snap-1",
    "decision_id": "d-1",
    "training_job_arn": "arn:x:training-job/job-1",
    "mae": "200.0",
    "code_digest": "c0de",
}


def refuse(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "Describe")


@dataclass
class Kept:
    """What registry, ledger and CloudTrail have; each may have nothing."""

    deployed: Deployed
    snapshots: dict[str, datetime] = field(default_factory=lambda: {"snap-1": BEGAN - timedelta(hours=3)})
    decisions: list[RetrainingDecided] = field(default_factory=lambda: [DECISION])
    erasures: list[Erasure] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False
    note: str | None = "fine"

    def audit(self, version: int = 7) -> Audit:
        session = self.deployed.as_session()
        packages = [
            package.model_copy(
                update={"arn": f"arn:x/{package.version}", "metadata": METADATA, "changed_at": BEGAN, "note": self.note}
            )
            for package in session.registry.list_packages()
        ]
        session.registry.list_packages = lambda: iter(packages)  # type: ignore[method-assign]  # a fake's
        ledger = cast("Any", session.ledger)
        ledger.list_snapshots = lambda: list(self.snapshots.items())
        ledger.list_erasures = lambda: self.erasures
        ledger.list_answers = lambda: [(BEGAN - timedelta(hours=2), one, None) for one in self.decisions]
        cast("Any", session).datasets = SimpleNamespace(
            find=lambda _key: SNAPSHOT.model_dump_json().encode() if self.snapshots else None
        )
        pages = SimpleNamespace(paginate=refuse if self.refuses else lambda **_how: [{"Events": self.trail}])
        cast("Any", session.at("registry")).cloudtrail = SimpleNamespace(get_paginator=lambda _operation: pages)
        trained = {"CreationTime": BEGAN - timedelta(hours=1), "RoleArn": "arn:trainer"}
        jobs = SimpleNamespace(describe_training_job=refuse if self.refuses else lambda **_how: trained)
        cast("Any", session.at("training")).sagemaker = jobs
        return audit_model(session, version)


def test_all_that_was_done_stands_in_order_of_time() -> None:
    deployed = Deployed({8: "Approved", 7: "Approved"})
    deployed.serve(7)
    found = Kept(deployed, erasures=[ERASURE], trail=[tell(BEGAN, "Approved", package="arn:x/7")]).audit()

    assert [entry.at for entry in found.entries] == sorted(entry.at for entry in found.entries)
    told = [(entry.who, entry.what) for entry in found.entries]
    assert told[:3] == [
        ("INGEST", "made the snapshot snap-1"),
        ("DatasetSnapshotCreated", "decided to train"),
        ("arn:trainer", "trained it"),
    ]
    assert ("arn:aws:sts::123456789012:assumed-role/approver/ada", "set it to Approved") in told
    assert told[-1] == ("arn:officer", "erased taxi_eta/k, which it was trained on")
    [registered] = [entry for entry in found.entries if entry.what == "registered it as a candidate"]
    assert registered.evidence == "on the later hold-out: mae 200"


def test_what_took_its_place_is_told_and_who_went_back() -> None:
    deployed = Deployed({8: "Approved", 7: "Approved"})
    deployed.serve(7, 8)
    deployed.serve(7, back=True)

    [gone] = [entry for entry in Kept(deployed).audit(8).entries if "took its place" in entry.what]
    assert (gone.what, gone.who) == ("version 7 took its place", "back, by arn:ops: late at night")
    [gone] = [entry for entry in Kept(deployed).audit(7).entries if "took its place" in entry.what]
    assert gone.what == "version 8 took its place"


@pytest.mark.parametrize(
    ("note", "who"),
    [
        ("good at night, by arn:ada", "arn:ada"),
        ("MAE 693; failed gates: beats the baseline (693 against 657)", "TRAIN, by its gates"),
        ("fine", "not noted"),
        (None, "not noted"),
    ],
)
def test_who_decided_stands_in_the_note(note: str | None, who: str) -> None:
    kept = Kept(Deployed({7: "Approved"}), note=note)

    [decided] = [entry for entry in kept.audit().entries if entry.what == "set it to Approved"]
    assert decided.who == who


def test_what_is_not_kept_is_said() -> None:
    found = Kept(Deployed({7: "Approved"}), snapshots={}, decisions=[], refuses=True).audit()

    assert [entry.what for entry in found.entries] == ["registered it as a candidate", "set it to Approved"]
    gaps = "; ".join(found.gaps)
    for what in ("snapshot snap-1", "decision d-1", "job-1: AWS refused Describe: not you", "CloudTrail told of none"):
        assert what in gaps


def test_a_version_that_is_not_there_is_refused() -> None:
    with pytest.raises(NoSuchModelError, match="no version 9"):
        Kept(Deployed({7: "Approved"})).audit(9)
