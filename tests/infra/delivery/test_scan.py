"""Which images are let through: those that were looked at, and have nothing critical that nobody has accepted."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import ROOT
from infra.delivery.publish import ACCEPTED
from infra.delivery.scan import SCANNED, UNDER_WAY, Accepted, ImageRefusedError, judge, read_accepted, read_findings

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 30)
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
STATUSES = (
    *("IN_PROGRESS", "COMPLETE", "FAILED", "UNSUPPORTED_IMAGE", "ACTIVE", "PENDING", "SCAN_ELIGIBILITY_EXPIRED"),
    *("FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED", "IMAGE_ARCHIVED"),
)


def find(name: str, severity: str, package: str = "zlib", version: str = "1:1.2.13") -> dict[str, Any]:
    """As basic scanning tells it."""
    attributes = [{"key": "package_version", "value": version}, {"key": "package_name", "value": package}]
    return {"name": name, "severity": severity, "uri": "https://security-tracker.debian.org", "attributes": attributes}


def inspect(name: str, severity: str, *packages: str) -> dict[str, Any]:
    """As Amazon Inspector tells it, in enhanced scanning."""
    return {
        "severity": severity,
        "title": f"{name} - {', '.join(packages)}",
        "type": "PACKAGE_VULNERABILITY",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": name,
            "vulnerablePackages": [{"name": package, "version": "1.0"} for package in packages],
        },
    }


def answer(*findings: dict[str, Any], status: str = "COMPLETE", **counts: int) -> dict[str, Any]:
    kind = "enhancedFindings" if any("title" in one for one in findings) else "findings"
    return {
        "imageScanStatus": {"status": status},
        "imageScanFindings": {kind: list(findings), "findingSeverityCounts": counts},
    }


def refuse(said: dict[str, Any], *accepted: Accepted) -> str:
    with pytest.raises(ImageRefusedError) as refusal:
        judge(said, accepted, today=TODAY)
    return str(refusal.value)


def accept(name: str, until: date) -> Accepted:
    return Accepted(id=name, reason="what it is about is not in the package", until=until)


@pytest.mark.parametrize("status", SCANNED)
def test_what_has_nothing_critical_goes_on(status: str) -> None:
    judge(answer(status=status), (), today=TODAY)
    judge(answer(find("CVE-1", "HIGH"), find("CVE-2", "UNDEFINED"), status=status, HIGH=1), (), today=TODAY)


def test_a_critical_finding_is_named_with_its_package() -> None:
    said = answer(find("CVE-2", "CRITICAL"), find("CVE-1", "CRITICAL", "glibc", "2.36"), find("CVE-3", "HIGH"))
    refusal = refuse(said)

    assert "critical findings: CVE-1 in glibc 2.36, CVE-2 in zlib 1:1.2.13. " in refusal
    assert "CVE-3" not in refusal
    assert "containers/model/Dockerfile" in refusal


def test_findings_of_amazon_inspector_count_as_well() -> None:
    said = answer(inspect("CVE-7", "CRITICAL", "openssl", "libssl3"), inspect("CVE-8", "LOW"), status="ACTIVE")

    assert "CVE-7 in openssl 1.0, libssl3 1.0" in refuse(said)
    assert [one.id for one in read_findings(said)] == ["CVE-7", "CVE-8"]


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in SCANNED])
def test_what_nobody_has_looked_at_does_not_go_on(status: str) -> None:
    assert f"the image was not scanned: {status}" in refuse(answer(status=status))


def test_every_status_is_known() -> None:
    assert set(SCANNED) | set(UNDER_WAY) < set(STATUSES)


def test_an_answer_without_a_status_does_not_go_on() -> None:
    assert "not scanned: no status" in refuse({})


def test_what_was_counted_and_not_told_does_not_go_on() -> None:
    """Another kind of finding, one day, than those that are read here."""
    assert "2 that were counted and not told" in refuse(answer(find("CVE-1", "CRITICAL"), CRITICAL=3))


def test_an_accepted_finding_goes_on_until_its_last_day() -> None:
    said = answer(find("CVE-1", "CRITICAL"), CRITICAL=1)

    judge(said, [accept("CVE-1", TODAY)], today=TODAY)
    assert "CVE-1" in refuse(said, accept("CVE-1", date(2026, 11, 29)))
    assert "CVE-1" in refuse(said, accept("CVE-2", TODAY))


def test_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nid = "CVE-1"\nreason = "not in Debian\'s package at all"\nuntil = 2027-03-31\n')

    [accepted] = read_accepted(file)

    assert (accepted.id, accepted.until) == ("CVE-1", date(2027, 3, 31))


@pytest.mark.parametrize(
    "text",
    [
        '[[accepted]]\nid = "CVE-1"\nuntil = 2027-03-31\n',
        '[[accepted]]\nid = "CVE-1"\nreason = "short"\nuntil = 2027-03-31\n',
        '[[accepted]]\nid = "CVE-1"\nreason = "not in Debian\'s package at all"\n',
        '[[acepted]]\nid = "CVE-1"\nreason = "not in Debian\'s package at all"\nuntil = 2027-03-31\n',
        "accepted",
    ],
)
def test_what_makes_no_sense_accepts_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(text)

    with pytest.raises(ImageRefusedError, match=r"accepted\.toml: "):
        read_accepted(file)


def test_the_repository_accepts_nothing_and_shows_how() -> None:
    assert read_accepted(ACCEPTED) == ()
    text = "\n".join(line.removeprefix("# ") for line in ACCEPTED.read_text().splitlines())
    shown = text[text.index("[[accepted]]") :]
    assert "id = " in shown
    assert ACCEPTED.relative_to(ROOT).as_posix() == "containers/accepted-findings.toml"
