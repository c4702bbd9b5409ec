"""Why a prediction was made, for operators: what `noriba why` says, over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.telemetry import count, logger
from noriba.aws.athena import QueryError
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.failures import AWS_FAULTS
from noriba.aws.functions import FunctionError
from noriba.aws.gateway import answer, answering_problems, read_path
from noriba.aws.invoked import open_endpoint
from noriba.aws.objects import ObjectStore
from noriba.aws.reasons import LiveReasoner
from noriba.aws.registry import ModelRegistry
from noriba.aws.tables import ObservationTables
from noriba.aws.why import NoSuchPredictionError, Traces, explain_prediction, is_prediction_id
from noriba.records.compaction import LATE
from noriba.records.metrics import PREDICTIONS_EXPLAINED, PREDICTIONS_NOT_FOUND
from noriba.records.names import name_endpoint, name_package_group
from noriba.serving.problems import Problem, ProblemError, describe_faults, list_faults
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.registry import ModelPackage
    from noriba.records.why import Why
    from noriba.usecase import UseCase

MOST_HOURS = 168
"""A week: what was reported of an older prediction since takes longer to read than API Gateway waits."""
COMPACT_S = 5.0
"""How long the compactor begins with further hours."""
MARGIN_S = 4.0
"""What is left of the function's time when no query is waited for any longer."""
ASKING_S = 9.0
"""What must be left for the model in production to be asked: it may take eight seconds."""


class Settings(Environment):
    """Environment of this function."""

    resource_prefix: str
    packages_arn: str
    compact_function: str
    query_workgroup: str
    observations_database: str
    outcomes_bucket: str
    model_function: str | None = None
    """That has the models, where no endpoint of SageMaker's runs."""


class Question(BaseModel):
    """What may stand behind the question mark: how far back to look, and which candidate it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: float = Field(default=24.0, gt=0, le=MOST_HOURS)
    candidate_id: str | None = Field(default=None, min_length=1, max_length=64)


load_dependencies = dependency_loader(Settings, prompt=True)


@logger.inject_lambda_context(clear_state=True)
@answering_problems
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`GET /v1/{use_case}/predictions/{prediction_id}/why`."""
    end_s = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    use_case = load_use_case(read_path(event, "use_case"))
    prediction_id, question = read_question(event)
    # Features hold places: who looks at them stands in the log; whose they are does not.
    caller = event["requestContext"]["identity"].get("userArn")
    logger.info("asked why", extra={"use_case": use_case.name, "caller": caller, "hours": question.hours})
    try:
        found = find_why(use_case, prediction_id, question, end_s=end_s)
    except (QueryError, *AWS_FAULTS) as error:
        logger.exception("not explained", extra={"use_case": use_case.name})
        detail = "observations gave no answer in time; ask again in a moment, about fewer hours, or by `noriba why`"
        raise ProblemError(Problem.of(503, detail)) from error
    count(use_case.name, {PREDICTIONS_EXPLAINED: 1})
    return answer(200, found.model_dump(mode="json"))


def read_question(event: dict[str, Any]) -> tuple[str, Question]:
    """The prediction's id, and what is asked of it.

    Raises:
        ProblemError: 400 naming what is wrong.
    """
    prediction_id = read_path(event, "prediction_id")
    if not is_prediction_id(prediction_id):
        detail = "the path holds no prediction's id; it stands in the answer to the app, as prediction_id"
        raise ProblemError(Problem.of(400, detail))
    try:
        return prediction_id, Question.model_validate(event.get("queryStringParameters") or {})
    except ValidationError as error:
        faults = list_faults(error)
        raise ProblemError(Problem.of(400, describe_faults(faults, of=error.error_count()), errors=faults)) from error


def find_why(use_case: UseCase, prediction_id: str, question: Question, *, end_s: float) -> Why:
    """Compact what came since, as far as there is time, and look.

    Raises:
        ProblemError: 404 when it is not there, or not yet.
        QueryError: see `explain_prediction`.
    """
    settings, clients = load_dependencies()
    traces = open_traces(settings, clients, use_case, deadline_s=end_s - MARGIN_S)
    name = name_endpoint(use_case.name, prefix=settings.resource_prefix)
    endpoint = open_endpoint(clients, use_case=use_case.name, name=name, function=settings.model_function)
    now = datetime.now(UTC)
    whole = compact_lately(traces.tables, now)
    try:
        return explain_prediction(
            traces,
            prediction_id,
            since=now - timedelta(hours=question.hours),
            until=now,
            reasoner=LiveReasoner(endpoint, use_case.policies.humility, until_s=end_s - ASKING_S),
            candidate_id=question.candidate_id,
        )
    except NoSuchPredictionError as error:
        count(use_case.name, {PREDICTIONS_NOT_FOUND: 1})
        raise ProblemError(describe_absence(question, whole=whole)) from error


def compact_lately(tables: ObservationTables, now: datetime) -> bool:
    """Compact what came since the clock did; whether all of it is.

    On a busy day an hour takes longer than anybody waits here. The compactor then goes on by itself, and whoever asks
    again finds what it has made; so it is no reason not to look.
    """
    try:
        # What is older, the clock has compacted.
        return tables.compact(since=now - LATE, at_most_s=COMPACT_S)
    except (FunctionError, *AWS_FAULTS):
        logger.exception("not compacted")
        return False


def open_traces(settings: Settings, clients: Clients, use_case: UseCase, *, deadline_s: float) -> Traces:
    """Where predictions of a use case leave traces in this deployment."""
    group = name_package_group(use_case.name, prefix=settings.resource_prefix)
    return Traces(
        use_case=use_case,
        tables=ObservationTables(
            clients,
            use_case.name,
            compactor=settings.compact_function,
            workgroup=settings.query_workgroup,
            database=settings.observations_database,
            deadline_s=deadline_s,
        ),
        outcomes=ObjectStore(clients.s3, settings.outcomes_bucket),
        s3=clients.s3,
        find_package=partial(find_package, ModelRegistry(clients.sagemaker, group), f"{settings.packages_arn}/{group}"),
    )


def find_package(registry: ModelRegistry, packages_arn: str, version: int) -> ModelPackage | None:
    """The package of a version; None where the registry has it no more."""
    return registry.find(f"{packages_arn}/{version}")


def describe_absence(question: Question, *, whole: bool) -> Problem:
    """Why a prediction may not be there, and what to do; `whole` says whether all that came is compacted."""
    if not whole:
        # No fault of ours: a 5xx would be an alarm.
        return Problem.of(
            404, "not found so far; what came lately is still being made into tables: ask again in a minute"
        )
    return Problem.of(
        404,
        f"no such prediction was captured within {question.hours:g} hours, or it has no such candidate. Look further "
        f"back (?hours=, up to {MOST_HOURS}; `noriba why --hours` as far as captures are kept, capture_days); one of "
        "the last minutes may not be captured yet, and with a capture_percent below 100 some never are",
    )
