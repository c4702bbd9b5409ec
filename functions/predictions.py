"""From an app's request to an answer, whichever way models are asked."""

from __future__ import annotations

import gc
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from functions.telemetry import count, logger
from noriba.aws.endpoints import ImplausibleAnswerError, ModelRefusedError, ModelUnavailableError, NoModelError
from noriba.aws.gateway import answer_written, read_body, read_path
from noriba.aws.ledger_reading import RequestLedger
from noriba.aws.live_models import LiveModels
from noriba.aws.routing import Traffic
from noriba.records.metrics import CANDIDATES_ANSWERED, CANDIDATES_DOUBTED, REQUESTS_ANSWERED
from noriba.serving.answers import write_answer
from noriba.serving.problems import Problem, ProblemError
from noriba.serving.requests import check_explained, parse_body
from noriba.usecase import PredictionRequest, load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.clients import Clients
    from noriba.aws.endpoints import Askable, EndpointReply
    from noriba.usecase import UseCase


def answer_request(event: dict[str, Any], find_traffic: Callable[[str], Traffic]) -> dict[str, Any]:
    """`POST /v1/{use_case}/predictions`: check, convert into features, ask the models, answer.

    Args:
        event: API Gateway's.
        find_traffic: the models of a use case.
    """
    use_case = load_use_case(read_path(event, "use_case"))
    request = cast("PredictionRequest", parse_body(use_case.request, read_body(event)))
    check_explained(request)
    prediction_id = str(uuid.uuid4())
    reply = ask(find_traffic(use_case.name), use_case, request, prediction_id)
    candidates = request.candidate_ids()
    logger.info(
        "predicted",
        extra={"prediction_id": prediction_id, "candidates": len(candidates), "model_version": reply.model_version},
    )
    text = write_answer(
        use_case,
        reply.answer,
        prediction_id=prediction_id,
        model_version=reply.model_version,
        candidate_ids=candidates,
    )
    doubted = sum(map(bool, reply.answer.doubts))
    count(use_case.name, {REQUESTS_ANSWERED: 1, CANDIDATES_ANSWERED: len(candidates), CANDIDATES_DOUBTED: doubted})
    leave_out_of_collections()
    return answer_written(200, text)


def open_traffic(
    use_case: UseCase, endpoint: Askable, clients: Clients, *, models_bucket: str, ledger_table: str
) -> Traffic:
    """A use case's models, and what is learned of them and of a rollout.

    Args:
        use_case: whose.
        endpoint: where they answer.
        clients: of the function.
        models_bucket: where definitions of features are kept.
        ledger_table: where it stands what a rollout means for requests.
    """
    return Traffic(
        LiveModels.of(endpoint, clients, models_bucket=models_bucket, warn=logger.warning),
        lambda: RequestLedger(clients.dynamodb.Table(ledger_table), use_case.name),
        declared=use_case.features.fingerprint,
        warn=logger.warning,
    )


@lru_cache
def leave_out_of_collections() -> None:
    """Whatever there is after the first answer, modules and clients, stays; only what comes later may be garbage.

    Looking through all of it again would stop an app's request for more than a twentieth of a second, now and then.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()


def ask(traffic: Traffic, use_case: UseCase, request: PredictionRequest, prediction_id: str) -> EndpointReply:
    """Ask the models; an app is told what it can do, the log what went wrong."""
    try:
        return traffic.ask(use_case, request, inference_id=prediction_id)
    except NoModelError as error:
        detail = "no model is in production yet: land data, then approve the candidate in the model registry"
        raise ProblemError(Problem.of(503, detail)) from error
    except ModelUnavailableError as error:
        logger.exception("model unavailable", extra={"prediction_id": prediction_id})
        raise ProblemError(Problem.of(503, "the model did not answer; try again in a moment")) from error
    except ModelRefusedError as error:
        logger.exception("model refused", extra={"prediction_id": prediction_id})
        detail = "the model in production was trained on other features than this API computes; tell the operator"
        raise ProblemError(Problem.of(502, detail)) from error
    except ImplausibleAnswerError as error:
        logger.exception("no prediction", extra={"prediction_id": prediction_id})
        detail = "the model in production answered something that is no prediction; tell the operator"
        raise ProblemError(Problem.of(502, detail)) from error
