"""Whether what the champion is asked has changed since its training."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from noriba.aws.references import read_profile
from noriba.client.observations import ask_observations, compact_observations
from noriba.errors import NoribaError
from noriba.monitoring.counts import Served, read_counts, state_counts
from noriba.monitoring.drift import measure_drift
from noriba.records.names import read_package_version

if TYPE_CHECKING:
    from noriba.client.session import Session


class NoProfileError(NoribaError):
    """There is nothing to hold requests against."""


class FeatureDrift(BaseModel):
    """One feature."""

    model_config = ConfigDict(frozen=True)

    name: str
    drifted: bool
    distance: float = Field(description="from the days of training: 0 is the same, 1 nothing in common")
    usual: float = Field(description="between the days of training, in the median")
    p_value: float = Field(description="how probable it is that any feature would be so odd on a day like those")
    moved: str = Field(description="which part of it, in words")


class DriftReport(BaseModel):
    """What was found in one stretch of time, best a whole day."""

    model_config = ConfigDict(frozen=True)

    use_case: str
    model_version: int
    since: datetime
    until: datetime
    alpha: float = Field(description="how often a day like those of training may be called drifted")
    verdict: Literal["steady", "drifted", "unknown"]
    reason: str
    rows: int
    features: tuple[FeatureDrift, ...]


def read_drift(session: Session, *, since: datetime, until: datetime, alpha: float | None = None) -> DriftReport:
    """Hold what the champion was asked in a time against the days of its training.

    Args:
        session: whose champion.
        since: when the time begins.
        until: when it ends.
        alpha: how often a day like those of training may be called drifted; what the monitor's policy says when None.

    Raises:
        NoProfileError: no model is in production, or it was trained before profiles were kept.
        FunctionError, QueryError: see `read_accuracy`.
    """
    alpha = session.use_case.policies.monitoring.drift_alpha if alpha is None else alpha
    champion = session.ledger.read_champion()
    if champion is None:
        raise NoProfileError("no model is in production yet")
    version = read_package_version(champion.model_package_arn)
    profile, identities = read_profile(session.at("registry").s3, champion.model_data_uri)
    if profile is None:
        raise NoProfileError(f"version {version} was trained before profiles were kept; train anew")
    compact_observations(session, since=since)
    served = Served(session.use_case_name, version)
    asked = state_counts(profile, identities, served, since=since, until=until, now=datetime.now(UTC))
    [row] = ask_observations(session, asked)
    found = measure_drift(profile, read_counts(row, profile, identities), alpha=alpha)
    columns = sorted(found.columns.items(), key=lambda item: item[1].p_value)
    return DriftReport(
        use_case=session.use_case_name,
        model_version=version,
        since=since,
        until=until,
        alpha=alpha,
        verdict=found.verdict,
        reason=found.reason,
        rows=found.rows,
        features=tuple(
            FeatureDrift(name=name, drifted=name in found.drifted, **vars(column)) for name, column in columns
        ),
    )
