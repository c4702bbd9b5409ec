"""A candidate: a trained model with its evidence, its gates and the keys that lead back to where it came from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from noriba.records.evidence import Evidence  # pydantic reads it at run time
from noriba.registry.gates import GateResult  # pydantic reads it at run time


class Lineage(BaseModel):
    """From a model back to rows, code and job."""

    model_config = ConfigDict(frozen=True)

    decision_id: str
    snapshot_id: str
    manifest_uri: str
    training_job_arn: str
    image_uri: str
    model_data_uri: str
    evaluation_uri: str
    bundle_digest: str
    code_digest: str
    feature_fingerprint: str


class Candidate(BaseModel):
    """A model that asks to be approved."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    lineage: Lineage
    evidence: Evidence
    gates: tuple[GateResult, ...]

    @property
    def passed(self) -> bool:
        """Whether it passed every gate; otherwise the candidate is registered as rejected, with the reasons."""
        return all(gate.passed for gate in self.gates)

    @property
    def summary(self) -> str:
        """One line for the approver."""
        found, base = self.evidence.candidate, self.evidence.baseline
        failed = [f"{gate.name} ({gate.finding})" for gate in self.gates if not gate.passed]
        verdict = f"failed gates: {'; '.join(failed)}" if failed else "all gates passed"
        coverage = "no interval" if found.coverage is None else f"coverage {found.coverage:.3f}"
        return f"MAE {found.mae:.4g} (baseline {base.mae:.4g}), {coverage}, {found.rows} hold-out rows; {verdict}"

    def metadata(self) -> dict[str, str]:
        """Lineage and headline metrics as the registry's searchable properties (strings of at most 256 characters)."""
        found, base, champion = self.evidence.candidate, self.evidence.baseline, self.evidence.champion
        numbers = {
            "mae": found.mae,
            "rmse": found.rmse,
            "rmsle": found.rmsle,
            "coverage": found.coverage,
            "claimed_coverage": self.evidence.claimed_coverage,
            "baseline_mae": base.mae,
            "champion_mae": champion.mae if champion else None,
        }
        lineage = {name: str(value)[:256] for name, value in self.lineage.model_dump().items()}
        window = self.evidence.window
        return {
            **lineage,
            **({"window": window.label[:256]} if window else {}),
            **{name: repr(value) for name, value in numbers.items() if value is not None},
        }
