"""A SageMaker processing job: candidate, champion and baseline on the same hold-out; the evidence out.

Inputs: `snapshot` and `parts` as in training, `candidate` and, where there is one, `champion`, each a model.tar.gz.
Output: `evaluation/evaluation.json`.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from job_tree import JobTree, exit_on_sigterm, report_metrics, say

from noriba.errors import CorruptBundleError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact
from noriba.records.evidence import WINDOW_FILE, WindowEvidence
from noriba.records.snapshot import SnapshotManifest
from noriba.training.bundles import load_bundle
from noriba.training.evaluation import Champion, Provenance, evaluate
from noriba.training.splits import split_by_policy
from noriba.training.tables import read_snapshot
from noriba.usecase import load_use_case

_ARTIFACT = "model.tar.gz"


def main() -> None:
    """Run the job that the tree describes."""
    exit_on_sigterm()
    tree = JobTree.from_environment()
    with tree.reporting_failure("message"):
        run(tree)


def run(tree: JobTree) -> None:
    """Evaluate and write the evidence."""
    manifest_file = tree.processing_input("snapshot") / "manifest.json"
    manifest = SnapshotManifest.model_validate_json(manifest_file.read_bytes())
    use_case = load_use_case(manifest.use_case)
    columns = read_snapshot(manifest, tree.processing_input("parts"), use_case)
    with tempfile.TemporaryDirectory() as folder:
        candidate_bundle = _unpack(tree.processing_input("candidate"), Path(folder) / "candidate")
        candidate, digest = load_bundle(candidate_bundle)
        code = hashlib.sha256((candidate_bundle / "code.zip").read_bytes()).hexdigest()
        window = _read_window(candidate_bundle / WINDOW_FILE)
        champion_input = tree.processing_input("champion")
        champion = (
            _load_champion(_unpack(champion_input, Path(folder) / "champion")) if champion_input.is_dir() else None
        )
    # The split is the policy's, not the job's: candidate and champion are evaluated on the rows that policy holds out.
    split = split_by_policy(columns[use_case.data.event_time], use_case.policies.training)
    evidence = evaluate(
        use_case,
        candidate.load(),
        champion,
        columns,
        split,
        provenance=Provenance(manifest.snapshot_id, digest, code, window),
    )
    report_metrics(evidence.candidate.model_dump(), say)
    output = tree.processing_output("evaluation")
    output.mkdir(parents=True, exist_ok=True)
    (output / "evaluation.json").write_text(evidence.model_dump_json(indent=1), encoding="utf-8")


def _read_window(file: Path) -> WindowEvidence | None:
    return WindowEvidence.model_validate_json(file.read_bytes()) if file.exists() else None


def _load_champion(bundle: Path) -> Champion:
    model, _digest = load_bundle(bundle)
    definitions = bundle / FEATURES_FILE
    features = thaw_features(definitions.read_text(encoding="utf-8")) if definitions.exists() else None
    return Champion(model.load(), features)


def _unpack(folder: Path, target: Path) -> Path:
    """The bundle in a model.tar.gz."""
    artifact = folder / _ARTIFACT
    if not artifact.is_file():
        raise CorruptBundleError(f"input {folder.name} holds no {_ARTIFACT}")
    target.mkdir()
    ModelArtifact(artifact.read_bytes()).unpack(target)
    return target
