"""Ask a staging endpoint what any model must answer, and what this one answered in training."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.telemetry import count, logger
from noriba.aws.endpoints import ImplausibleAnswerError, ModelFailedError, ModelRefusedError
from noriba.aws.environment import Environment, dependency_loader
from noriba.aws.invoked import open_endpoint
from noriba.aws.objects import read_uri
from noriba.errors import FeatureMismatchError, NoribaError
from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_FILE, GOLDEN_FILE, GoldenRecord, ModelArtifact
from noriba.records.inference import encode_columns
from noriba.records.metrics import GOLDEN_REQUESTS_ASKED, GOLDEN_REQUESTS_FAILED
from noriba.records.plausibility import find_answer_fault
from noriba.records.wanted import Wanted
from noriba.rollout.golden import find_differences
from noriba.serving.requests import convert_request
from noriba.usecase import MOST_EXPLAINED, load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.aws.clients import Clients
    from noriba.aws.endpoints import Askable
    from noriba.features import FeatureSet
    from noriba.usecase import UseCase


class GoldenRequestsFailedError(NoribaError):
    """A model answered a golden request wrongly; it must not reach production."""


class ArtifactChangedError(NoribaError):
    """A model's artifact is not the one that was evaluated and registered."""


_OF_THE_MODEL = (ModelRefusedError, ModelFailedError, ImplausibleAnswerError, FeatureMismatchError)
"""Failures that say something of the model: it reads what nobody brings, or fails.

A throttle or a lost connection says nothing of it: the rollout asks everything again then.
"""


class Task(BaseModel):
    """Which model to ask, and where; `sha256` is of its artifact, as it was registered."""

    use_case: str
    endpoint_name: str
    model_data_uri: str
    sha256: str


class Settings(Environment):
    """Environment of this function."""

    model_function: str | None = None
    """That has the models, where no endpoint of SageMaker's runs."""


load_dependencies = dependency_loader(Settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ask everything, then fail with every fault or say how much was answered well, by a model of which features.

    Raises:
        GoldenRequestsFailedError: the model does not answer as it should.
        ModelUnavailableError: the endpoint could not be asked, and it is not the model's fault.
    """
    settings, clients = load_dependencies()
    task = Task.model_validate(event)
    use_case = load_use_case(task.use_case)
    endpoint = open_endpoint(clients, use_case=use_case.name, name=task.endpoint_name, function=settings.model_function)
    artifact = read_artifact(clients, task.model_data_uri, task.sha256)
    record = GoldenRecord.model_validate_json(artifact.read(GOLDEN_FILE))
    features = thaw_features(artifact.read(FEATURES_FILE).decode())
    asked = list(check_requests(endpoint, use_case, features))
    recorded = list(check_record(endpoint, record, features))
    failed = len(asked) + len(recorded)
    count(use_case.name, {GOLDEN_REQUESTS_ASKED: len(use_case.golden_requests), GOLDEN_REQUESTS_FAILED: failed})
    if faults := [*group_by_fault(asked), *recorded]:
        logger.error("golden requests failed", extra={"faults": faults})
        raise GoldenRequestsFailedError("; ".join(faults))
    rows = len(next(iter(record.inputs.values())))
    return {
        "requests": len(use_case.golden_requests),
        "recorded_rows": rows,
        "feature_fingerprint": features.fingerprint,
        "features_declared": features.fingerprint == use_case.features.fingerprint,
    }


def check_requests(endpoint: Askable, use_case: UseCase, features: FeatureSet) -> Iterator[tuple[int, str]]:
    """The use case's own requests, through the whole conversion: answers must make sense; number and fault of each.

    With all that apps may ask for: a model that cannot say why must not be found out by them.
    """
    for number, given in enumerate(use_case.golden_requests):
        request = use_case.request.model_validate(given)
        try:
            converted = convert_request(use_case, request, also=[features])
            wanted = Wanted(len(request.candidate_ids()) <= MOST_EXPLAINED, use_case.policies.humility)
            body = encode_columns(converted.columns, wanted=wanted)
            reply = endpoint.ask(body, inference_id=str(uuid.uuid4()))
        except _OF_THE_MODEL as error:
            yield number, str(error)
            continue
        if (fault := find_answer_fault(reply.answer, rows=len(request.candidate_ids()))) is not None:
            yield number, fault


def group_by_fault(faults: Iterable[tuple[int, str]]) -> list[str]:
    """Each fault once, with the requests that have it: mostly all have the same."""
    numbers: dict[str, list[str]] = {}
    for number, fault in faults:
        numbers.setdefault(fault, []).append(str(number))
    return [
        f"golden request{'s' if len(found) > 1 else ''} {', '.join(found)}: {fault}" for fault, found in numbers.items()
    ]


def check_record(endpoint: Askable, record: GoldenRecord, features: FeatureSet) -> Iterator[str]:
    """Rows recorded in training: answers must be those of training."""
    try:
        body = encode_columns(features.compute_identified(record.columns()))
        reply = endpoint.ask(body, inference_id=str(uuid.uuid4()))
    except _OF_THE_MODEL as error:
        yield f"recorded rows: {error}"
        return
    yield from find_differences(reply.answer, record)


def read_artifact(clients: Clients, model_data_uri: str, sha256: str) -> ModelArtifact:
    """A model.tar.gz, if it is what was registered."""
    artifact = ModelArtifact(read_uri(clients.s3, model_data_uri))
    if artifact.sha256 != sha256:
        raise ArtifactChangedError(
            f"{model_data_uri} was registered as {sha256} and is {artifact.sha256} now; train anew"
        )
    return artifact
