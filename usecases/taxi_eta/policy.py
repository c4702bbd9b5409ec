"""Numbers that people argue about, in one place."""

from noriba.usecase import (
    AllRows,
    GatePolicy,
    LastDays,
    MonitoringPolicy,
    Policies,
    RetrainingPolicy,
    RolloutPolicy,
    SinceChange,
    TrainingPolicy,
)

_TRAINING = TrainingPolicy(
    calibration_share=0.10,
    holdout_share=0.10,
    quantiles=(0.1, 0.5, 0.9),
    trees=350,
    leaves=127,
    min_leaf_rows=50,
    learning_rate=0.05,
    # By what weeks of 2020 would have had of each (ADR 37): in a city that stays, more rows are better; when it has
    # come back from something else, the last two months are; and right after a bridge has closed, the days since then.
    windows=(AllRows(), LastDays(days=60), SinceChange(min_days=4)),
)

_GATES = GatePolicy(
    max_mae_to_baseline=0.95,
    max_mae_to_champion=1.02,
    max_coverage_error=0.05,
    max_slice_mae_to_champion=1.10,
    min_slice_rows=500,
    max_latency_ms=50.0,
)

_RETRAINING = RetrainingPolicy(
    min_rows=5_000,
    min_new_rows_share=0.02,
    # Files of one burst that come minutes apart are trained on together; and whoever lands data, however much and
    # however often, starts no more than six training jobs a day.
    cooldown_s=3600.0,
    max_per_day=6,
    lock_s=6 * 3600.0,
)

# A model that has seen a few weeks more is closer by half a per cent, which no shadow of three days can prove (ADR 43).
_ROLLOUT = RolloutPolicy(when_inconclusive="lower_error")

# Two minutes early or late, a passenger forgives.
_MONITORING = MonitoringPolicy(close_to=120.0)

POLICIES = Policies(training=_TRAINING, gates=_GATES, retraining=_RETRAINING, rollout=_ROLLOUT, monitoring=_MONITORING)
