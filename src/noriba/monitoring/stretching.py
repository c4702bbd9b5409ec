"""Intervals that keep their promise between two trainings: a little wider after hours that missed more than they may.

After each hour the logarithm of the width grows by the share of outcomes that the intervals missed, less the share that
they may miss, times a gain. That is the quantile tracker of Angelopoulos, Candès and Tibshirani (Conformal PID control
for time series prediction, NeurIPS 2023), by hours instead of outcomes; adaptive conformal inference (Gibbs and Candès,
NeurIPS 2021) is its ancestor. Nothing is assumed of the outcomes. As long as the bound is not reached, the steps add up
to how far the logarithm has moved: so over many hours the misses less what they may be, in the mean, each hour by its
weight, differ from zero by no more than the logarithm's range over gain times the sum of the weights.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.records.measurements import EVERYTHING, AnswerTally
from noriba.records.stretching import Stretching
from noriba.timestamps import HOUR, begin_hour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from noriba.records.measurements import HourMeasurement
    from noriba.records.reference import Reference
    from noriba.usecase.policies import MonitoringPolicy

MOST_LOG_STRETCH = math.log(2.0)
"""Twice as wide, or half: who needs more needs another model."""


def follow_outcomes(
    before: Stretching | None,
    reference: Reference,
    hours: Sequence[HourMeasurement],
    policy: MonitoringPolicy,
    *,
    now: datetime,
) -> Stretching:
    """How far intervals are to be stretched from now on; a model that was not in production before: not.

    What it answered before the first look at it, as a challenger or in an earlier time, is not counted.

    Args:
        before: as the last look left it; None before the first.
        reference: of the model in production.
        hours: as they were measured, in order, from the one after the last that was counted.
        policy: when outcomes have come, and how quickly to follow them.
        now: the moment of the look.
    """
    if before is None or before.version != reference.version:
        digest = reference.evidence.bundle_digest
        return Stretching(version=reference.version, bundle_digest=digest, through=begin_hour(now))
    if not reference.evidence.stretches:
        # Its container would not: outcomes that nothing answers to would drive the number to its bound.
        policy = policy.model_copy(update={"stretch_gain": 0.0})
    return stretch_intervals(before, hours, policy, now=now)


def stretch_intervals(
    before: Stretching, hours: Sequence[HourMeasurement], policy: MonitoringPolicy, *, now: datetime
) -> Stretching:
    """Count the hours that are ripe and were not counted yet, each once.

    Args:
        before: as it was left.
        hours: as they were measured, in order; more than are needed do no harm.
        policy: when outcomes have come, and how quickly to follow them.
        now: the moment of the look.
    """
    ripe = now - timedelta(hours=policy.truth_hours) - HOUR
    log_stretch, through = before.log_stretch, before.through
    for hour in hours:
        if through < hour.hour <= ripe:
            tally = hour.versions.get(before.version, {}).get(EVERYTHING, AnswerTally())
            log_stretch = _bound(log_stretch + _step(tally, policy))
            through = hour.hour
    # Turned off, nothing stays of what was found before.
    return before.model_copy(update={"log_stretch": log_stretch if policy.stretch_gain else 0.0, "through": through})


def _step(tally: AnswerTally, policy: MonitoringPolicy) -> float:
    """An hour's: gain, times its weight n / (n + prior), times the share that was missed beyond what may be."""
    return policy.stretch_gain * (tally.claimed - tally.covered) / (tally.plausible + policy.stretch_prior)


def _bound(log_stretch: float) -> float:
    return max(-MOST_LOG_STRETCH, min(MOST_LOG_STRETCH, log_stretch))
