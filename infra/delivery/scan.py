"""Whether an image may be deployed by what its scan found: nothing critical but what is accepted for a time."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
# ACTIVE: Amazon Inspector has looked, and goes on looking.
SCANNED = ("COMPLETE", "ACTIVE")
UNDER_WAY = ("PENDING", "IN_PROGRESS")
CRITICAL = "CRITICAL"


class ImageRefusedError(Exception):
    """An image that must not be deployed; the message says why, and what to do."""


class Accepted(BaseModel):
    """One finding that somebody has looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, description="as the scan names it: CVE-2023-45853")
    reason: str = Field(min_length=20)
    until: date = Field(description="the last day on which it is accepted")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: tuple[Accepted, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A vulnerability, and the package that has it."""

    id: str
    severity: str
    package: str

    def __str__(self) -> str:
        return f"{self.id} in {self.package}"


def read_accepted(file: Path) -> tuple[Accepted, ...]:
    """The findings that are accepted.

    Raises:
        ImageRefusedError: the file makes no sense; nothing is accepted by accident.
    """
    try:
        return _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).accepted
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ImageRefusedError(f"{file.name}: {error}") from error


def read_findings(answer: Mapping[str, Any]) -> list[Finding]:
    """The findings of an answer of DescribeImageScanFindings, of basic scanning or of Amazon Inspector's.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFindings.html
    """
    found = answer.get("imageScanFindings", {})
    basic = [
        Finding(one["name"], one["severity"], _name_package({i["key"]: i["value"] for i in one.get("attributes", [])}))
        for one in found.get("findings", [])
    ]
    enhanced = [
        Finding(details.get("vulnerabilityId") or one.get("title", "?"), one["severity"], _name_packages(details))
        for one in found.get("enhancedFindings", [])
        for details in (one.get("packageVulnerabilityDetails", {}),)
    ]
    return [*basic, *enhanced]


def judge(answer: Mapping[str, Any], accepted: Sequence[Accepted], *, today: date) -> None:
    """Let an image go on, or say which findings are in its way.

    Args:
        answer: of DescribeImageScanFindings, all pages together.
        accepted: findings that are known.
        today: those that are accepted until an earlier day count.

    Raises:
        ImageRefusedError: it was not scanned, or a critical finding is not accepted.
    """
    status = answer.get("imageScanStatus", {})
    if status.get("status") not in SCANNED:
        raise ImageRefusedError(
            f"the image was not scanned: {status.get('status', 'no status')} {status.get('description', '')}".rstrip()
            + "; what nobody has looked at is not deployed"
        )
    critical = [one for one in read_findings(answer) if one.severity == CRITICAL]
    # A count without findings is one that this program cannot read, and no reason to go on.
    counted = int(answer.get("imageScanFindings", {}).get("findingSeverityCounts", {}).get(CRITICAL, 0))
    valid = {one.id for one in accepted if today <= one.until}
    refused = [str(one) for one in critical if one.id not in valid]
    if counted > len(critical):
        refused.append(f"{counted - len(critical)} that were counted and not told")
    if refused:
        raise ImageRefusedError(
            f"the image has critical findings: {', '.join(sorted(refused))}. Write the digest of a newer base image "
            "into containers/model/Dockerfile or renew its requirements.lock; where nothing mends it yet, accept a "
            "finding for a time in containers/accepted-findings.toml"
        )


def _name_package(attributes: Mapping[str, str]) -> str:
    return " ".join(filter(None, (attributes.get("package_name", "?"), attributes.get("package_version"))))


def _name_packages(details: Mapping[str, Any]) -> str:
    packages = details.get("vulnerablePackages", [])
    return ", ".join(f"{one.get('name', '?')} {one.get('version', '')}".strip() for one in packages) or "?"
