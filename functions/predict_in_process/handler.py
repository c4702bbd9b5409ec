"""From an app's request to an answer, the models in this very process: check, convert into features, answer."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from functions.hosted_models import open_hosted, tell
from functions.predictions import answer_request, open_traffic
from functions.telemetry import count, logger
from noriba.aws.answer_stream import AnswerStream
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.gateway import answering_problems
from noriba.records.measured import name_namespace
from noriba.records.metrics import CAPTURES_LOST
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
    capture_stream: str


load_dependencies = dependency_loader(Settings, prompt=True)


@logger.inject_lambda_context(clear_state=True)
@answering_problems
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`POST /v1/{use_case}/predictions`."""
    return answer_request(event, find_traffic)


@lru_cache
def find_traffic(use_case: str) -> Traffic:
    """A use case's models, and what was learned of them and of a rollout; for the life of the function."""
    settings, clients = load_dependencies()

    def lose(lines: int, why: str) -> None:
        count(use_case, {CAPTURES_LOST: lines})
        logger.warning("not captured", extra={"use_case": use_case, "lines": lines, "why": why})

    endpoint = open_hosted(
        clients,
        ledger_table=settings.ledger_table,
        use_case=use_case,
        name=name_endpoint(use_case, prefix=settings.resource_prefix),
        measure=partial(tell, namespace=name_namespace(settings.resource_prefix)),
        keep=AnswerStream(clients.firehose, settings.capture_stream, lost=lose).put,
    )
    return open_traffic(
        load_use_case(use_case),
        endpoint,
        clients,
        models_bucket=settings.models_bucket,
        ledger_table=settings.ledger_table,
    )
