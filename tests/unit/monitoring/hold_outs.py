"""What evaluation found on a hold-out, for whoever holds production against it."""

from __future__ import annotations

from noriba.records.evidence import Evidence, Metrics, SliceEvidence


def hold_out(mae: float, *, far: float | None = None, stretches: bool = False) -> Evidence:
    """A model's error over all, and of one part, `distance: far`, where it is given."""

    def metrics(value: float) -> Metrics:
        return Metrics(rows=1000, mae=value, rmse=1.0, rmsle=1.0, coverage=0.8, mean_width=300.0)

    return Evidence(
        use_case="taxi_eta",
        snapshot_id="s",
        holdout_first_s=0.0,
        holdout_last_s=1.0,
        claimed_coverage=0.8,
        candidate=metrics(mae),
        baseline=metrics(mae),
        slices=() if far is None else (SliceEvidence(name="distance", value="far", candidate=metrics(far)),),
        latency_p95_ms=1.0,
        feature_fingerprint="f",
        bundle_digest="b",
        code_digest="c",
        stretches=stretches,
    )
