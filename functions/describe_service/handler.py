"""What the API says of itself: its health, and its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from noriba import __version__
from noriba.aws.endpoints import describe_endpoint
from noriba.aws.environment import Environment, connector
from noriba.aws.gateway import answer, answering_problems
from noriba.rollout.names import name_endpoint
from noriba.serving.openapi import describe_api
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str


connect = connector(Settings)


@logger.inject_lambda_context
@answering_problems
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`GET /v1/health` and `GET /v1/openapi.json`."""
    if event["path"].endswith("/openapi.json"):
        use_cases = [load_use_case(name) for name in list_use_cases()]
        return answer(200, describe_api(use_cases, version=__version__))
    return answer(200, {"status": "ok", "use_cases": [describe_model(name) for name in list_use_cases()]})


def describe_model(use_case: str) -> dict[str, Any]:
    """Which model answers for a use case, and how its endpoint is."""
    settings, clients = connect()
    state = describe_endpoint(clients.sagemaker, name_endpoint(use_case, prefix=settings.resource_prefix))
    return {
        "use_case": use_case,
        "status": state.status if state else "NoModel",
        "model_version": state.model_version if state else None,
    }
