"""What a deployment by these settings would cost a month; no account is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noriba.costs import CostLine, Estimate, Installation, PricesUnreadableError, Traffic, estimate_costs, read_prices
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CostLine", "Estimate", "PricesUnreadableError", "Traffic", "estimate_month"]


def estimate_month(settings: Mapping[str, Any], traffic: Traffic, *, prices: Path | None = None) -> Estimate:
    """A month of a deployment, in US dollars.

    Args:
        settings: as `noriba.toml` has them; what is not there has its default.
        traffic: what is assumed of the month.
        prices: a table of another region; that of us-east-1 when None.

    Raises:
        PricesUnreadableError: the table cannot be read, or lacks an instance.
        pydantic.ValidationError: a setting makes no sense.
    """
    table = read_prices(prices)
    policies = [load_use_case(name).policies.rollout for name in list_use_cases()]
    known = {name: settings[name] for name in Installation.model_fields if name in settings}
    # Of several use cases, the longest rollout.
    longest = max(policies, key=lambda policy: policy.shadow_hours)
    canary_hours = sum(step.minutes for step in longest.canary) / 60
    installation = Installation.model_validate(
        {"use_cases": len(policies), "shadow_hours": longest.shadow_hours, "canary_hours": canary_hours} | known
    )
    return estimate_costs(installation, traffic, table)
