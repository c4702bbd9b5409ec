"""What a candidate must show before it is offered to an approver; every gate says what it found and what it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noriba.records.evidence import Evidence
    from noriba.usecase import GatePolicy


_BESIDE_CHAMPION = "not worse than the champion"
_SLICES = "no slice left behind"


class GateResult(BaseModel):
    """What one gate found."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    finding: str


def apply_gates(evidence: Evidence, policy: GatePolicy) -> tuple[GateResult, ...]:
    """All gates, in the order in which people ask."""
    return tuple(_apply_gates(evidence, policy))


def _apply_gates(evidence: Evidence, policy: GatePolicy) -> Iterator[GateResult]:
    candidate = evidence.candidate
    yield _hold_below(
        "beats the baseline", candidate.mae / evidence.baseline.mae, policy.max_mae_to_baseline, "MAE to baseline's"
    )
    if evidence.champion is not None:
        yield _hold_below(
            _BESIDE_CHAMPION,
            candidate.mae / evidence.champion.mae,
            policy.max_mae_to_champion,
            "MAE to champion's",
        )
        yield _protect_slices(evidence, policy)
    elif evidence.champion_unavailable is None:
        yield GateResult(name=_BESIDE_CHAMPION, passed=True, finding="there is no champion yet")
    else:
        # What was not compared has not passed: the approver may know better, and says so by approving.
        finding = f"not evaluated: {evidence.champion_unavailable}"
        yield GateResult(name=_BESIDE_CHAMPION, passed=False, finding=finding)
        yield GateResult(name=_SLICES, passed=False, finding=finding)
    yield _check_coverage(evidence, policy)
    yield _hold_below("fast enough", evidence.latency_p95_ms, policy.max_latency_ms, "p95 of one answer, ms")


def _hold_below(name: str, found: float, limit: float, what: str) -> GateResult:
    return GateResult(name=name, passed=found <= limit, finding=f"{what}: {found:.3f}, at most {limit:g}")


def _check_coverage(evidence: Evidence, policy: GatePolicy) -> GateResult:
    covered, claimed = evidence.candidate.coverage, evidence.claimed_coverage
    name = "covers what it claims"
    if covered is None:
        return GateResult(name=name, passed=False, finding="the candidate gives no interval")
    passed = abs(covered - claimed) <= policy.max_coverage_error
    finding = f"interval holds {covered:.3f} of outcomes, claims {claimed:.3f} ± {policy.max_coverage_error:g}"
    return GateResult(name=name, passed=passed, finding=finding)


def _protect_slices(evidence: Evidence, policy: GatePolicy) -> GateResult:
    name = _SLICES
    compared = [
        (part.candidate.mae / part.champion.mae, f"{part.name} {part.value}")
        for part in evidence.slices
        if part.champion is not None and part.candidate.rows >= policy.min_slice_rows
    ]
    if not compared:
        return GateResult(name=name, passed=True, finding=f"no slice has {policy.min_slice_rows} rows")
    worst, where = max(compared)
    finding = f"worst MAE to champion's: {worst:.3f} ({where}), at most {policy.max_slice_mae_to_champion:g}"
    return GateResult(name=name, passed=worst <= policy.max_slice_mae_to_champion, finding=finding)
