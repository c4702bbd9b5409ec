"""The loop in an organisation's accounts, by cdk-nag's two packs: nothing is open, and nothing excused in passing."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from infra.nist import REASONS

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

PACK = "NIST.800.53.R5"


@pytest.fixture(scope="module")
def reports(spread: Assembly) -> dict[str, dict[str, Any]]:
    found = json.loads((spread.path / "validation-report.json").read_text())["pluginReports"]
    return {report["pluginName"]: report for report in found}


@pytest.mark.parametrize("pack", ["AwsSolutions", PACK])
def test_nothing_is_left_to_say(reports: dict[str, dict[str, Any]], pack: str) -> None:
    assert (reports[pack]["conclusion"], reports[pack]["violations"]) == ("success", [])


def test_every_reason_is_of_a_finding(reports: dict[str, dict[str, Any]]) -> None:
    found = Counter(finding["acknowledgedId"].rpartition("R5-")[2] for finding in reports[PACK]["suppressedViolations"])

    assert found.keys() == REASONS.keys()
    assert all(len(reason.split()) >= 4 for reason in REASONS.values())


def test_what_is_said_of_one_kind_of_bucket_is_true_of_no_other(reports: dict[str, dict[str, Any]]) -> None:
    """Excused for a whole stack: a bucket of data without logs or our key would pass unseen."""
    for finding in reports[PACK]["suppressedViolations"]:
        if finding["acknowledgedId"].endswith(("S3BucketLoggingEnabled", "S3DefaultEncryptionKMS")):
            assert "/AccessLogs/" in json.dumps(finding), finding


def test_alarms_that_tell_nobody_are_those_of_findings(reports: dict[str, dict[str, Any]]) -> None:
    silent = [
        finding
        for finding in reports[PACK]["suppressedViolations"]
        if finding["acknowledgedId"].endswith("CloudWatchAlarmAction")
    ]

    assert silent
    assert all("Changed" in json.dumps(finding) for finding in silent)
