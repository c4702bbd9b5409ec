"""What `noriba cost` reckons with is what the templates make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noriba.costs import estimate as costs

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


@pytest.mark.parametrize(
    ("name", "memory_gb"),
    [
        ("PredictFunction", costs.PREDICT_GB),
        ("RecordOutcomeFunction", costs.OUTCOME_GB),
        ("CompactObservationsFunction", costs.COMPACT_GB),
    ],
)
def test_functions_have_the_memory_that_they_are_reckoned_with(assembly: Assembly, name: str, memory_gb: float) -> None:
    assert assembly.one("AWS::Lambda::Function", name).properties["MemorySize"] == memory_gb * 1024


def test_there_are_as_many_alarms_and_dashboards_as_are_reckoned_with(assembly: Assembly) -> None:
    """These tests deploy one use case."""
    assert len(assembly.find("AWS::CloudWatch::Alarm")) == costs.ALARMS + costs.ALARMS_EACH
    assert len(assembly.find("AWS::CloudWatch::CompositeAlarm")) == 1
    assert len(assembly.find("AWS::CloudWatch::Dashboard")) == 1


def test_only_the_predict_function_has_a_snapshot(assembly: Assembly) -> None:
    kept = [one for one in assembly.find("AWS::Lambda::Function") if one.properties.get("SnapStart")]
    assert len(kept) == 1
