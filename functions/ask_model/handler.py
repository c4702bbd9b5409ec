"""Ask a model that functions answer with, for whoever has none in his process: golden requests, operators, deployments.

What it answers is neither captured nor measured: no app has asked.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from functions.hosted_models import open_hosted
from functions.telemetry import count, logger
from noriba.aws.endpoints import ModelFailedError, ModelRefusedError, ModelUnavailableError, NoModelError
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.invoked import ModelQuestion, ModelReply
from noriba.records.inference import Refusal, encode_refusal
from noriba.records.metrics import MODELS_ASKED, MODELS_FAILED

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.in_process import InProcessEndpoint


class Settings(Environment):
    """Environment of this function."""

    ledger_table: str


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """A question, and what the model says to it."""
    question = ModelQuestion.model_validate_json(json.dumps(event))
    endpoint = find_endpoint(question.use_case, question.endpoint)
    reply = ask(endpoint, question)
    if reply.said != "missing":
        failed = reply.said in {"failed", "unavailable"}
        count(question.use_case, {MODELS_ASKED: 1 - failed, MODELS_FAILED: failed})
    return reply.model_dump(mode="json")


@lru_cache(maxsize=16)
def find_endpoint(use_case: str, name: str) -> InProcessEndpoint:
    """An endpoint; staging has another name each time."""
    settings, clients = load_dependencies()
    return open_hosted(clients, ledger_table=settings.ledger_table, use_case=use_case, name=name, copies=False)


def ask(endpoint: InProcessEndpoint, question: ModelQuestion) -> ModelReply:
    """Let the model answer; what it does instead is an answer, too."""
    try:
        answered, variant = endpoint.answer(question.body, inference_id=None, variant=question.variant)
    except NoModelError as error:
        return ModelReply(said="missing", body=str(error).encode())
    except ModelRefusedError as error:
        refusal = encode_refusal(Refusal(str(error), error.feature_fingerprint))
        return ModelReply(said="refused", body=refusal)
    except ModelFailedError as error:
        logger.exception("model failed", extra={"endpoint": question.endpoint})
        return ModelReply(said="failed", body=str(error).encode())
    except ModelUnavailableError as error:
        logger.exception("model unavailable", extra={"endpoint": question.endpoint})
        return ModelReply(said="unavailable", body=str(error).encode())
    return ModelReply(said="answered", body=answered, variant=variant)
