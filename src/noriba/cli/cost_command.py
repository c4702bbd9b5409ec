"""`cost`: what a deployment would cost a month."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads it
from typing import Annotated

import typer

from noriba.cli.options import AsJson  # noqa: TC001  # typer reads it
from noriba.cli.output import print_json, print_line, print_table
from noriba.cli.settings import SETTINGS, SettingsFile, read_settings
from noriba.client.costs import Traffic, count_accounts, estimate_month

_ASSUMED = Traffic()


def cost(  # noqa: PLR0913  # the options of a command
    settings: SettingsFile = SETTINGS,
    *,
    predictions: Annotated[
        float, typer.Option("--predictions", help="Requests a month, of all use cases together.", min=0)
    ] = _ASSUMED.predictions,
    candidates: Annotated[
        float, typer.Option("--candidates", help="Of each request, on average.", min=1, max=500)
    ] = _ASSUMED.candidates,
    outcomes: Annotated[
        float, typer.Option("--outcomes", help="Share of predictions whose outcome is reported.", min=0, max=1)
    ] = _ASSUMED.outcomes_share,
    rollouts: Annotated[
        float,
        typer.Option("--rollouts", help="A month, together, each as long as its policy allows.", min=0),
    ] = _ASSUMED.rollouts,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="A table of another region; see docs/aws.md.", dir_okay=False)
    ] = None,
    topology: Annotated[
        Path | None,
        typer.Option("--topology", help="An organisation's file: what each account has.", dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate a month of a deployment by list prices, the dearest line first; asks no account."""
    traffic = Traffic(
        predictions=predictions,
        candidates=candidates,
        outcomes_share=outcomes,
        rollouts=rollouts,
    )
    accounts = 1 if topology is None else count_accounts(topology)
    found = estimate_month(read_settings(settings), traffic, accounts=accounts, prices=prices)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [
        (line.what, f"{line.month_usd:,.2f}", f"{line.month_usd / found.month_usd:.0%}", line.basis)
        for line in found.lines
    ]
    title = (
        f"A month of {', '.join(found.use_cases)} in {found.region}, list prices of {found.prices_as_of}, without free "
        "tiers and taxes"
    )
    print_table(title, ("what", "US dollars", "share", "how it was reckoned"), rows)
    print_line(f"in all: ${found.month_usd:,.2f} a month")
    if found.thousand_usd is not None:
        print_line(
            f"${found.thousand_usd:,.3g} for a thousand predictions, ${found.million_usd:,.2f} for a million; "
            f"each further million ${found.further_million_usd:,.2f}, as long as the instances can take them"
        )
    print_line(describe_shapes(found.serving, found.crossing))


def describe_shapes(serving: str, crossing: float | None) -> str:
    """Where models may answer, and which costs less."""
    other = "function" if serving == "endpoint" else "endpoint"
    if crossing is None:
        return f'serving = "{serving}"; by these numbers, how many ask does not decide whether "{other}" costs less'
    return (
        f'serving = "{serving}"; at {crossing / 1e6:,.0f} million predictions a month an endpoint and functions cost '
        "the same, and below, functions cost less"
    )
