"""What a model showed in training: the reference that the monitor holds its answers against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noriba.records.evidence import Evidence
    from noriba.records.profiles import Profile


@dataclass(frozen=True)
class Reference:
    """One model version in training.

    Attributes:
        version: which one.
        evidence: what evaluation found on its hold-out.
        profile: how its features were distributed; None where it was trained before profiles were kept.
        identities: of its features.
    """

    version: int
    evidence: Evidence
    profile: Profile | None
    identities: tuple[str, ...]
