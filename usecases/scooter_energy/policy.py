"""Numbers that people argue about, in one place."""

from noriba.usecase import GatePolicy, Policies, RetrainingPolicy, TrainingPolicy

POLICIES = Policies(
    training=TrainingPolicy(
        calibration_share=0.15, holdout_share=0.15, trees=80, leaves=15, min_leaf_rows=20, learning_rate=0.1
    ),
    gates=GatePolicy(
        max_mae_to_baseline=0.95,
        max_mae_to_champion=1.02,
        max_coverage_error=0.08,
        max_slice_mae_to_champion=1.15,
        min_slice_rows=100,
        max_latency_ms=50.0,
    ),
    retraining=RetrainingPolicy(
        min_rows=1_000, min_new_rows_share=0.05, cooldown_s=3600.0, max_per_day=4, lock_s=4 * 3600.0
    ),
)
