"""What really happened: onto the bus, from where it is kept beside the predictions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from functions.telemetry import count, logger
from noriba.aws.bus import EventBus, PublishError
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.gateway import answer, answering_problems, read_body, read_path
from noriba.events import MetricsObserved, OutcomeObserved
from noriba.records.metrics import OUTCOMES_TAKEN
from noriba.serving.answers import OutcomeReceipt
from noriba.serving.outcomes import check_observed, define_outcome
from noriba.serving.problems import Problem, ProblemError
from noriba.serving.requests import parse_body
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.events import Event
    from noriba.serving.outcomes import OutcomeRequest


class Settings(Environment):
    """Environment of this function."""

    bus_name: str


load_dependencies = dependency_loader(Settings, prompt=True)


def list_events(use_case: str, outcome: OutcomeRequest) -> Iterator[Event]:
    """What was reported: the outcome for whoever compares models, metrics for whoever compares what comes of them."""
    said = outcome.model_dump(exclude_none=True)
    value, metrics = said.pop("value", None), said.pop("metrics", None)
    if value is not None:
        yield OutcomeObserved(use_case=use_case, value=value, **said)
    if metrics is not None:
        yield MetricsObserved(use_case=use_case, metrics=metrics, **said)


@logger.inject_lambda_context(clear_state=True)
@answering_problems
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`POST /v1/{use_case}/outcomes`. An outcome sent twice is joined once, by its prediction."""
    settings, clients = load_dependencies()
    use_case = load_use_case(read_path(event, "use_case"))
    outcome = cast("OutcomeRequest", parse_body(define_outcome(use_case), read_body(event)))
    check_observed(outcome, now=datetime.now(UTC))
    try:
        EventBus(clients.events, settings.bus_name).publish_all(list(list_events(use_case.name, outcome)))
    except (PublishError, *AWS_FAULTS) as error:
        logger.exception("outcome not taken", extra={"prediction_id": outcome.prediction_id})
        raise ProblemError(Problem.of(503, "the outcome was not taken; send it again")) from error
    count(use_case.name, {OUTCOMES_TAKEN: 1})
    return answer(202, OutcomeReceipt(prediction_id=outcome.prediction_id).model_dump(mode="json"))
