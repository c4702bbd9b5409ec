"""Bring what is known of the last hours up to date, as outcomes come."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from functions.use_cases import do_for_each
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.ledger import Ledger
from noriba.aws.live_updates import LiveUpdate, OvertakenError
from noriba.aws.objects import ObjectStore
from noriba.errors import NoribaError
from noriba.records.metrics import OUTCOMES_IN_LIVE_MEANS
from noriba.records.names import name_endpoint
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOOKS = 5
PAUSE_S = 1.0
"""Between two looks, where others look at the same moment."""


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    captures_bucket: str
    outcomes_bucket: str
    resource_prefix: str


class NotUpdatedError(NoribaError):
    """A use case's means could not be brought up to date; what is wrong is in the log."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Any sign that there may be outcomes; which are new is seen by what lies there, so it may come twice."""
    do_for_each(
        [name for name in list_use_cases() if load_use_case(name).live is not None],
        update,
        trouble="live means not updated",
        fail=lambda names: NotUpdatedError(f"live means of {names} could not be updated; the log says why"),
    )
    return {}


def update(name: str) -> None:
    """Count the new outcomes of a use case; where somebody else does so right now, what he leaves.

    Raises:
        OvertakenError: others did, again and again.
    """
    settings, clients = load_dependencies()
    use_case = load_use_case(name)
    if use_case.live is None:
        return
    one = LiveUpdate(
        ObjectStore(clients.s3, settings.captures_bucket),
        ObjectStore(clients.s3, settings.outcomes_bucket),
        endpoint=name_endpoint(name, prefix=settings.resource_prefix),
        use_case=use_case,
        spec=use_case.live,
    )
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), name)
    for number in range(1, LOOKS + 1):
        try:
            counted, unreadable = one.look(ledger, now=datetime.now(UTC))
        except OvertakenError:
            if number == LOOKS:
                raise
            time.sleep(PAUSE_S * number)
            continue
        break
    if counted.outcomes:
        count(name, {OUTCOMES_IN_LIVE_MEANS: counted.outcomes})
    # Numbers alone: where rides began and how far they went is nobody's business here.
    told = {"outcomes": counted.outcomes, "impossible": counted.impossible, "unreadable": unreadable}
    logger.info("live means updated", extra={"use_case": name, **told})
