"""What the API says of itself: its health, and its OpenAPI document."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from functions.telemetry import count, logger
from noriba import __version__
from noriba.aws.endpoints import describe_endpoint
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.gateway import answer, answering_problems
from noriba.aws.ledger_endpoints import open_control
from noriba.records.metrics import ENDPOINTS_LOOKED_AT, ENDPOINTS_UNKNOWN
from noriba.records.names import name_endpoint
from noriba.serving.health import Health, ModelHealth
from noriba.serving.openapi import describe_api
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

FRESH_S = 30.0
"""Anybody may ask for the health, as often as they like; SageMaker is asked this often by each instance."""
BELIEVED_S = 300.0
"""What SageMaker last said is told for so long when it says nothing more."""


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str
    endpoints_ledger: str | None = None
    """The table that says what answers, where no endpoint of SageMaker's runs."""


@dataclass(frozen=True)
class Known:
    """What a use case's endpoint was like; when SageMaker said so, and when it was last asked.

    Times are seconds of a clock that only goes forward.
    """

    state: ModelHealth
    said_s: float
    asked_s: float


load_dependencies = dependency_loader(Settings, prompt=True)
known: dict[str, Known] = {}


@logger.inject_lambda_context(clear_state=True)
@answering_problems
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`GET /v1/health` and `GET /v1/openapi.json`."""
    if event["path"].endswith("/openapi.json"):
        use_cases = [load_use_case(name) for name in list_use_cases()]
        return answer(200, describe_api(use_cases, version=__version__))
    now_s = time.monotonic()
    health = Health(status="ok", use_cases=tuple(recall_model(name, now_s=now_s) for name in list_use_cases()))
    return answer(200, health.model_dump(mode="json"))


def recall_model(use_case: str, *, now_s: float) -> ModelHealth:
    """How a use case's endpoint is, or was not long ago.

    When SageMaker does not say (it throttles, too), what it said last stays true for a while, and then it is unknown;
    that is no reason to call the API unhealthy.
    """
    before = known.get(use_case)
    if before is not None and now_s - before.asked_s < FRESH_S:
        return before.state
    try:
        found = Known(describe_model(use_case), said_s=now_s, asked_s=now_s)
        count(use_case, {ENDPOINTS_LOOKED_AT: 1})
    except AWS_FAULTS:
        count(use_case, {ENDPOINTS_UNKNOWN: 1})
        logger.exception("the endpoint could not be looked at", extra={"use_case": use_case})
        if before is not None and now_s - before.said_s < BELIEVED_S:
            found = replace(before, asked_s=now_s)
        else:
            unknown = ModelHealth(use_case=use_case, status="Unknown", model_version=None)
            found = Known(unknown, said_s=now_s, asked_s=now_s)
    known[use_case] = found
    return found.state


def describe_model(use_case: str) -> ModelHealth:
    """Which model answers for a use case, and how its endpoint is."""
    settings, clients = load_dependencies()
    control = open_control(clients, use_case=use_case, ledger_table=settings.endpoints_ledger)
    state = describe_endpoint(control, name_endpoint(use_case, prefix=settings.resource_prefix))
    if state is None:
        return ModelHealth(use_case=use_case, status="NoModel", model_version=None)
    return ModelHealth(use_case=use_case, status=state.status, model_version=state.model_version)
