"""A feature that goes missing is named, and nobody is told where there is too little to say."""

from __future__ import annotations

from noriba.monitoring.missing import assess_missing_features
from noriba.usecase import MonitoringPolicy
from tests.unit.monitoring.asked_days import PROFILE, ask_on

POLICY = MonitoringPolicy()


def test_a_feature_that_goes_missing_is_named() -> None:
    found = assess_missing_features(ask_on({1: 0.0}, unknown=0.2), 3, PROFILE, POLICY)

    assert found.verdict == "changed"
    assert found.reason.startswith("length is unknown in ")
    assert assess_missing_features(ask_on({1: 0.0}), 3, PROFILE, POLICY).verdict == "steady"


def test_without_a_profile_or_requests_nobody_can_say() -> None:
    assert assess_missing_features([], 3, PROFILE, POLICY).verdict == "unknown"
    assert assess_missing_features([], 3, None, POLICY).verdict == "unknown"
