"""What a deployment by these settings would cost a month; no account is asked."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from noriba.costs import CostLine, Estimate, Installation, PricesUnreadableError, Traffic, estimate_costs, read_prices
from noriba.errors import NoribaError
from noriba.usecase import list_use_cases, load_use_case

_ALIKE = frozenset({"training_hours", "archive_days"})
"""Settings that cost nothing by themselves, and are spelt nearly like some that do."""

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CostLine", "Estimate", "PricesUnreadableError", "Traffic", "count_accounts", "estimate_month"]


class NoSuchSettingError(NoribaError):
    """A setting that is none."""


class NoTopologyError(NoribaError):
    """A file that says nothing of accounts."""


def count_accounts(topology: Path) -> int:
    """How many accounts the loop is spread over by an organisation's file.

    Raises:
        NoTopologyError: there is none, or it has no parts.
    """
    try:
        parts = tomllib.loads(topology.read_text(encoding="utf-8"))["parts"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise NoTopologyError(f"{topology} is no topology; topology.example.toml shows one ({error})") from error
    # The account of the organisation's trail has none of the loop.
    return len({account for part, account in parts.items() if part != "trail_logs"})


def estimate_month(
    settings: Mapping[str, Any], traffic: Traffic, *, accounts: int = 1, prices: Path | None = None
) -> Estimate:
    """A month of a deployment, in US dollars.

    Args:
        settings: as `noriba.toml` has them; what is not there has its default.
        traffic: what is assumed of the month.
        accounts: that the loop is spread over; see `count_accounts`.
        prices: a table of another region; that of us-east-1 when None.

    Raises:
        PricesUnreadableError: the table cannot be read, or lacks an instance.
        NoSuchSettingError: a setting is nearly one that costs something.
        pydantic.ValidationError: a setting makes no sense.
    """
    table = read_prices(prices)
    policies = [load_use_case(name).policies.rollout for name in list_use_cases()]
    _refuse_misspelt(settings)
    known = {name: settings[name] for name in Installation.model_fields if name in settings}
    # Of several use cases, the longest rollout.
    longest = max(policies, key=lambda policy: policy.shadow_hours)
    canary_hours = sum(step.minutes for step in longest.canary) / 60
    installation = Installation.model_validate(
        {
            "use_cases": tuple(list_use_cases()),
            "accounts": accounts,
            "shadow_hours": longest.shadow_hours,
            "canary_hours": canary_hours,
        }
        | known
    )
    return estimate_costs(installation, traffic, table)


def _refuse_misspelt(settings: Mapping[str, Any]) -> None:
    """Refuse what would be passed over; whether any other name is one, `cdk` knows."""
    for name in settings.keys() - Installation.model_fields.keys() - _ALIKE:
        if near := get_close_matches(name, Installation.model_fields, n=1, cutoff=0.8):
            raise NoSuchSettingError(f"{name}: no such setting; did you mean {near[0]}?")
