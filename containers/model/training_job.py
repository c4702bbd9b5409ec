"""A SageMaker training job: a snapshot in, a sealed bundle out.

Channels: `snapshot` holds manifest.json, `parts` the parts that it names.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

from code_snapshot import archive_code
from job_tree import JobTree, exit_on_sigterm, report_metrics, say

from noriba.features.frozen import freeze_features
from noriba.records.artifacts import FEATURES_FILE, GOLDEN_FILE
from noriba.records.evidence import WINDOW_FILE
from noriba.records.experience import EXPERIENCE_FILE
from noriba.records.profiles import PROFILE_FILE
from noriba.records.snapshot import SnapshotManifest
from noriba.training.bundles import save_bundle, write_golden
from noriba.training.evaluation import Provenance, evaluate
from noriba.training.experience import record_experience
from noriba.training.fitting import fit_model
from noriba.training.hyperparameters import Hyperparameters
from noriba.training.profiles import profile_training
from noriba.training.splits import split_by_policy
from noriba.training.tables import read_snapshot
from noriba.training.trials import choose_window


def main() -> None:
    """Run the job that the tree describes."""
    exit_on_sigterm()
    tree = JobTree.from_environment()
    with tree.reporting_failure("failure"):
        train(tree)


def train(tree: JobTree) -> None:
    """Fit, calibrate, seal, and report the hold-out's metrics."""
    use_case, settings = Hyperparameters.parse(tree.hyperparameters())
    manifest = SnapshotManifest.model_validate_json((tree.channel("snapshot") / "manifest.json").read_bytes())
    started = time.monotonic()
    columns = read_snapshot(manifest, tree.channel("parts"), use_case)
    split = split_by_policy(columns[use_case.data.event_time], settings)
    say(f"{manifest.snapshot_id}: {len(columns[use_case.data.label])} rows read in {time.monotonic() - started:.1f} s")
    chosen = choose_window(use_case, settings, columns, split, report=say)
    rows, weights = chosen.sample.rows, chosen.sample.weights
    model = fit_model(use_case, settings, columns, fit=rows, calibration=split.calibration, weights=weights, report=say)
    held_out = {name: column[split.holdout] for name, column in columns.items()}
    code = archive_code()
    tree.model.mkdir(parents=True, exist_ok=True)
    extras = {
        "code.zip": code,
        FEATURES_FILE: freeze_features(use_case.features).encode(),
        GOLDEN_FILE: write_golden(use_case, model, held_out).encode(),
        # Days that it did not learn from are not what requests are to be like.
        EXPERIENCE_FILE: record_experience(model, columns, replace(split, fit=rows)).model_dump_json().encode(),
        PROFILE_FILE: profile_training(use_case, {name: column[rows.start :] for name, column in columns.items()})
        .model_dump_json()
        .encode(),
        WINDOW_FILE: chosen.evidence.model_dump_json(indent=1).encode(),
    }
    digest = save_bundle(model, tree.model, extras=extras)
    provenance = Provenance(manifest.snapshot_id, digest, hashlib.sha256(code).hexdigest(), chosen.evidence)
    evidence = evaluate(use_case, model.load(), None, columns, split, provenance=provenance)
    report_metrics(evidence.candidate.model_dump(), say)
    report_metrics({"baseline_mae": evidence.baseline.mae}, say)
    say(f"bundle {digest} after {time.monotonic() - started:.1f} s")
