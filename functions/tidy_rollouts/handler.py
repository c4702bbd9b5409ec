"""Remove what rollouts made and nobody needs, and undo what they left half-way: both cost money, or passengers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.executions import look_up
from noriba.aws.ledger import Ledger
from noriba.aws.leftovers import Leftovers
from noriba.records.metrics import CHAMPIONS_RESTORED, LEFTOVERS_REMOVED
from noriba.records.names import CANARY_FORMAT, SHADOW_FORMAT, name_endpoint
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str
    resource_prefix: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Tidy up after every use case.

    Returns:
        `done`: whether nothing is left that has to be looked at again; and the counts.
    """
    settings, clients = load_dependencies()
    counts: dict[str, int] = {}
    for use_case in list_use_cases():
        # In this order: what a rollout that begins now makes is not found.
        endpoint = name_endpoint(use_case, prefix=settings.resource_prefix)
        leftovers = Leftovers(clients.sagemaker, endpoint)
        ledger = Ledger(clients.dynamodb.Table(settings.ledger_table), use_case)
        owned, champion = find_owned(clients, ledger, endpoint), ledger.read_champion()
        config = None if champion is None else champion.endpoint_config
        tidied = leftovers.remove(owned=owned, champion_config=config)
        removed = tidied.endpoints + tidied.configurations + tidied.models
        count(use_case, {LEFTOVERS_REMOVED: removed, CHAMPIONS_RESTORED: tidied.restored})
        logger.info("tidied", extra={"use_case": use_case, **asdict(tidied)})
        counts = {name: counts.get(name, 0) + count for name, count in asdict(tidied).items()}
    return {"done": not counts.get("pending"), **counts}


def find_owned(clients: Clients, ledger: Ledger, endpoint: str) -> set[str]:
    """Names that the rollout under way makes, or is about to; none when its execution is over."""
    lock = ledger.read_rollout()
    execution = None if lock is None else look_up(clients.stepfunctions, lock.execution)
    if lock is None or execution is None or execution.status != "RUNNING":
        return set()
    attempt = lock.staging.rpartition("-")[2]
    return {lock.staging, lock.model, *(form.format(endpoint, attempt) for form in (SHADOW_FORMAT, CANARY_FORMAT))}
