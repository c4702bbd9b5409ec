"""Remove what rollouts made and nobody needs, and undo what they left half-way: one costs money, the other answers.

A rollout whose execution was stopped, or timed out, has told nobody and still holds the lock: that is done here, too.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from functions.use_cases import do_for_each
from noriba.aws.bus import EventBus
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import look_up
from noriba.aws.ledger import Ledger
from noriba.aws.ledger_endpoints import open_control
from noriba.aws.leftovers import Leftovers
from noriba.errors import NoribaError
from noriba.events import RolledBack, RolloutCompleted
from noriba.records.metrics import CHAMPIONS_RESTORED, LEFTOVERS_REMOVED
from noriba.records.names import CANARY_FORMAT, SHADOW_FORMAT, name_endpoint
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.executions import Execution
    from noriba.aws.ledger import RolloutLock
    from noriba.aws.leftovers import Tidied


class Settings(Environment):
    """Environment of this function."""

    bus_name: str
    ledger_table: str
    resource_prefix: str
    endpoints_ledger: str | None = None
    """The table that says what answers, where no endpoint of SageMaker's runs."""
    staging_role_arn: str | None = None
    """As which staging is tidied up after, where it has an account of its own."""


class NotTidiedError(NoribaError):
    """What rollouts left could not be removed; what is wrong is in the log."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Tidy up after every use case.

    Returns:
        `done`: whether nothing is left that has to be looked at again; and the counts.

    Raises:
        NotTidiedError: of some use cases nobody knows; all others were tidied up after.
    """
    counts: Counter[str] = Counter()
    for tidied in do_for_each(
        list_use_cases(),
        tidy,
        trouble="not tidied",
        fail=lambda names: NotTidiedError(f"what rollouts of {names} left could not be removed; the log says why"),
    ):
        counts.update(asdict(tidied))
    return {"done": not counts["pending"], **counts}


def tidy(use_case: str) -> Tidied:
    """Tidy up after the rollouts of a use case."""
    settings, clients = load_dependencies()
    # In this order: what a rollout that begins now makes is not found.
    endpoint = name_endpoint(use_case, prefix=settings.resource_prefix)
    control = open_control(clients, use_case=use_case, ledger_table=settings.endpoints_ledger)
    leftovers, staged = Leftovers(control, endpoint), find_staged(settings, clients, endpoint)
    ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case)
    lock, champion = ledger.read_rollout(), ledger.read_champion()
    execution = None if lock is None else look_up(clients.stepfunctions, lock.execution)
    is_over = execution is None or execution.status != "RUNNING"
    owned = set() if lock is None or is_over else name_owned(lock, endpoint)
    config = None if champion is None else champion.endpoint_config
    try:
        tidied = leftovers.remove(owned=owned, champion_config=config)
        if staged is not None:
            tidied += staged.remove(owned=owned, champion_config=None)
        removed = tidied.endpoints + tidied.configurations + tidied.models
        count(use_case, {LEFTOVERS_REMOVED: removed, CHAMPIONS_RESTORED: tidied.restored})
        logger.info("tidied", extra={"use_case": use_case, **asdict(tidied)})
    finally:
        # Production first; and where one of the two fails, the other is done all the same.
        if lock is not None and execution is not None and execution.cut_off and not lock.told:
            tell_end(ledger, execution, EventBus(clients.events, settings.bus_name), endpoint)
    if lock is not None and is_over and not tidied.pending and ledger.release_rollout(lock.execution):
        logger.info("released", extra={"use_case": use_case, "execution": lock.execution})
    return tidied


def find_staged(settings: Settings, clients: Clients, endpoint: str) -> Leftovers | None:
    """What rollouts left where staging has an account of its own."""
    if settings.staging_role_arn is None:
        return None
    return Leftovers(clients.acting_as(settings.staging_role_arn, session_name="tidy-rollouts").sagemaker, endpoint)


def name_owned(lock: RolloutLock, endpoint: str) -> set[str]:
    """Names of what the rollout under way makes, or is about to."""
    attempt = lock.staging.rpartition("-")[2]
    return {lock.staging, lock.model, *(form.format(endpoint, attempt) for form in (SHADOW_FORMAT, CANARY_FORMAT))}


def tell_end(ledger: Ledger, execution: Execution, bus: EventBus, endpoint: str) -> None:
    """Say in its place why an execution ended that was cut off; any other has said so itself.

    Not only when all is in order, for a newer rollout may need the lock before. Told first, noted then: told twice,
    where this ends in between, rather than never.
    """
    error, reason = execution.read_failure()
    package_arn = json.loads(execution.given)["model_package_arn"]
    about: dict[str, Any] = {"use_case": ledger.use_case, "model_package_arn": package_arn}
    lock, champion = ledger.read_rollout(), ledger.read_champion()
    if lock is not None and champion is not None and champion.endpoint_config == lock.model:
        # It was cut off after its model had become the champion.
        bus.publish(RolloutCompleted(**about, endpoint_name=endpoint))
    else:
        bus.publish(RolledBack(**about, error=error, reason=reason))
    ledger.note_rollout_told(execution.arn)
