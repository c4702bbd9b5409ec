"""From an app's request to an answer: check, convert into features, ask the endpoint."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from functions.predictions import answer_request, open_traffic
from functions.telemetry import logger
from noriba.aws.endpoints import Endpoint
from noriba.aws.environment import Environment, light_dependency_loader
from noriba.aws.gateway import answering_problems
from noriba.records.names import name_endpoint
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.routing import Traffic


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str
    models_bucket: str
    ledger_table: str


load_dependencies = light_dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
@answering_problems
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`POST /v1/{use_case}/predictions`."""
    return answer_request(event, find_traffic)


@lru_cache
def find_traffic(use_case: str) -> Traffic:
    """A use case's models, and what was learned of them and of a rollout; for the life of the function."""
    settings, clients = load_dependencies()
    return open_traffic(
        load_use_case(use_case),
        Endpoint(clients.sagemaker_runtime, name_endpoint(use_case, prefix=settings.resource_prefix)),
        clients,
        models_bucket=settings.models_bucket,
        ledger_table=settings.ledger_table,
    )
