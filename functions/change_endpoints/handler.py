"""What a rollout asks of SageMaker where endpoints run, written into the ledger where functions answer instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.endpoints import says_missing
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.ledger import Ledger
from noriba.aws.ledger_endpoints import LedgerEndpoints
from noriba.errors import NoribaError
from noriba.records.metrics import ENDPOINTS_CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str


class EndpointMissingError(NoribaError):
    """There is nothing of that name; SageMaker's words say so."""


class Order(BaseModel):
    """What is to be done: one of SageMaker's operations, as Step Functions names it, and its parameters."""

    use_case: str
    action: Literal[
        "createModel",
        "deleteModel",
        "createEndpointConfig",
        "describeEndpointConfig",
        "deleteEndpointConfig",
        "createEndpoint",
        "describeEndpoint",
        "updateEndpoint",
        "updateEndpointWeightsAndCapacities",
        "deleteEndpoint",
    ]
    parameters: dict[str, Any]


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Do it, and say what SageMaker would say.

    Raises:
        EndpointMissingError: it is about something that is not there.
        NotRegisteredError: a model is to be made of a package that nobody registered.
    """
    order = Order.model_validate(event)
    settings, clients = load_dependencies()
    endpoints = LedgerEndpoints(Ledger(clients.dynamodb.Table(settings.ledger_table), order.use_case))
    operations: dict[str, Callable[..., dict[str, Any]]] = {
        "createModel": endpoints.create_model,
        "deleteModel": endpoints.delete_model,
        "createEndpointConfig": endpoints.create_endpoint_config,
        "describeEndpointConfig": endpoints.describe_endpoint_config,
        "deleteEndpointConfig": endpoints.delete_endpoint_config,
        "createEndpoint": endpoints.create_endpoint,
        "describeEndpoint": endpoints.describe_endpoint,
        "updateEndpoint": endpoints.update_endpoint,
        "updateEndpointWeightsAndCapacities": endpoints.update_endpoint_weights_and_capacities,
        "deleteEndpoint": endpoints.delete_endpoint,
    }
    try:
        answer = operations[order.action](**order.parameters)
    except AWS_FAULTS as error:
        if says_missing(error):
            raise EndpointMissingError(str(error)) from error
        raise
    count(order.use_case, {ENDPOINTS_CHANGED: 1})
    logger.info("done", extra={"use_case": order.use_case, "action": order.action})
    return answer
