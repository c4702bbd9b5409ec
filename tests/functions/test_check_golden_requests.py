"""What a model must answer before it may serve: what makes sense, and what it answered in training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from functions.check_golden_requests.handler import ArtifactChangedError, GoldenRequestsFailedError
from functions.check_golden_requests.handler import handler as check_golden_requests
from noriba.aws.endpoints import ModelUnavailableError, NoModelError
from noriba.aws.objects import split_uri
from noriba.errors import CorruptBundleError
from noriba.features import FeatureSet
from noriba.features.frozen import freeze_features
from noriba.records.explanations import Explanation
from noriba.records.inference import ModelAnswer
from noriba.records.plausibility import RELATIVE_TOLERANCE
from noriba.records.wanted import NOTHING_MORE, Wanted
from noriba.serving.requests import convert_request
from noriba.usecase import MOST_EXPLAINED, load_use_case
from tests.functions.artifacts import pack
from tests.functions.conftest import Cloud, read_event
from tests.functions.fake_runtime import ConnectionLost, ModelFailure, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.features import Column

USE_CASE = load_use_case("taxi_eta")
TASK = read_event("check_golden_requests")
STAGING = TASK["endpoint_name"]
RECORDED = USE_CASE.request.model_validate(USE_CASE.golden_requests[3])


def make_model(*, scale: float = 1.0, **spoil: Callable[[np.ndarray], np.ndarray]) -> Callable[..., ModelAnswer]:
    """A model of one feature; `scale` makes it another one, and `spoil` bends what it answers."""

    def predict(columns: Mapping[str, Column]) -> ModelAnswer:
        identity = next(name for name in columns if name.startswith("haversine_m@"))
        seconds = scale * (60.0 + columns[identity] / 8.0)
        answer = {"low": seconds * 0.8, "value": seconds, "high": seconds * 1.25}
        spoilt = {name: tuple(spoil.get(name, np.array)(values).tolist()) for name, values in answer.items()}
        return ModelAnswer(**spoilt, claimed_coverage=0.8, bundle_digest="abc")

    return predict


def mood(driver_s_mood: Column) -> Column:
    """What a data scientist had in a notebook."""
    return driver_s_mood


def write_bundle(
    cloud: Cloud,
    *,
    name: str = "golden.json",
    content: bytes | None = None,
    features: FeatureSet = USE_CASE.features,
) -> None:
    """model.tar.gz as training leaves it, with the rows and answers that it recorded."""
    inputs = USE_CASE.complete(RECORDED.to_columns())
    answer = make_model()(USE_CASE.features.compute_identified(inputs))
    record = {
        "inputs": {
            column: [None if np.isnan(value) else value for value in values] for column, values in inputs.items()
        },
        "answers": {part: list(getattr(answer, part)) for part in ("low", "value", "high")},
    }
    text = json.dumps(record).encode() if content is None else content
    artifact = pack({name: text, "features.json": freeze_features(features).encode()})
    bucket, key = split_uri(TASK["model_data_uri"])
    cloud.store(bucket).write(key, artifact)
    # As the ledger has it since the model was registered.
    TASK["sha256"] = hashlib.sha256(artifact).hexdigest()


@pytest.mark.parametrize("name", ["golden.json", "./golden.json"])
def test_a_model_that_answers_as_it_did_in_training_passes(cloud: Cloud, context: LambdaContext, name: str) -> None:
    write_bundle(cloud, name=name)
    cloud.runtime.put(STAGING, make_model())

    answer = check_golden_requests(TASK, context)

    assert answer == {
        "requests": len(USE_CASE.golden_requests),
        "recorded_rows": 1,
        "feature_fingerprint": USE_CASE.features.fingerprint,
        "features_declared": True,
    }
    assert len(cloud.runtime.invocations) == len(USE_CASE.golden_requests) + 1


def test_requests_go_through_the_whole_conversion(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud)
    cloud.runtime.put(STAGING, make_model())

    check_golden_requests(TASK, context)

    for body, asked in zip(USE_CASE.golden_requests, cloud.runtime.invocations, strict=False):
        expected = convert_request(USE_CASE, USE_CASE.request.model_validate(body)).columns
        np.testing.assert_equal(dict(asked.columns), expected)


def test_a_model_is_asked_for_all_that_apps_may_ask_for(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud)
    cloud.runtime.put(STAGING, make_model())

    check_golden_requests(TASK, context)

    for body, asked in zip(USE_CASE.golden_requests, cloud.runtime.invocations, strict=False):
        few = len(USE_CASE.request.model_validate(body).candidate_ids()) <= MOST_EXPLAINED
        assert asked.wanted == Wanted(explain=few, humility=USE_CASE.policies.humility)
    # What it recorded in training it answers as it did then, and says no more.
    assert cloud.runtime.invocations[-1].wanted == NOTHING_MORE


def explain_wrongly(columns: Mapping[str, Column]) -> ModelAnswer:
    """A model whose reasons are another's."""
    answer = make_model()(columns)
    explanations = tuple(Explanation(base=value, contributions=(), rest=1.0) for value in answer.value)
    return replace(answer, explanations=explanations)


FAULTS: dict[str, tuple[Any, str]] = {
    "reasons that are not its own": (explain_wrongly, "an explanation does not add up to its answer"),
    "another model": (make_model(scale=1.001), "value of recorded row 0: "),
    "a median outside its interval": (
        make_model(value=lambda value: value * 2),
        "golden requests 0, 1, 2, 3, 4, 5: a median lies outside",
    ),
    "an answer of nothing": (
        make_model(low=lambda low: low * 0.0),
        "golden requests 0, 1, 2, 3, 4, 5: an answer is not positive",
    ),
    "an answer that is no number": (
        make_model(high=lambda high: high * np.inf),
        "golden requests 0, 1, 2, 3, 4, 5: an answer is not a finite number",
    ),
    "an answer for somebody else's rows": (
        make_model(value=lambda value: np.append(value, 1.0)),
        "golden requests 0, 1, 2, 3, 4: 1 rows were sent, 2 answers came back; golden request 5: 2 rows",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_is_kept_from_production_by(cloud: Cloud, context: LambdaContext, fault: str) -> None:
    model, message = FAULTS[fault]
    write_bundle(cloud)
    cloud.runtime.put(STAGING, model)

    with pytest.raises(GoldenRequestsFailedError) as failed:
        check_golden_requests(TASK, context)

    assert message in str(failed.value)


def test_every_fault_is_named_at_once(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud)
    cloud.runtime.put(STAGING, make_model(value=lambda value: value * 2))

    with pytest.raises(GoldenRequestsFailedError) as failed:
        check_golden_requests(TASK, context)

    said = str(failed.value)
    assert said.startswith(
        "golden requests 0, 1, 2, 3, 4, 5: a median lies outside its interval; value of recorded row"
    )


def test_another_processor_may_differ_in_the_last_digits(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud)
    cloud.runtime.put(STAGING, make_model(scale=1.0 + RELATIVE_TOLERANCE / 2))

    assert check_golden_requests(TASK, context)["recorded_rows"] == 1


def test_a_model_of_other_features_is_refused(cloud: Cloud, context: LambdaContext) -> None:
    def refuse(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise ModelFailure(400, "missing column rain@0000")

    write_bundle(cloud)
    cloud.runtime.put(STAGING, refuse)

    with pytest.raises(GoldenRequestsFailedError, match=r"golden requests 0, .*: missing column rain@0000"):
        check_golden_requests(TASK, context)


@pytest.mark.parametrize("status", [500, 503])
def test_a_model_that_fails_is_named_as_one(cloud: Cloud, context: LambdaContext, status: int) -> None:
    def fail(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise ModelFailure(status, "out of memory")

    write_bundle(cloud)
    cloud.runtime.put(STAGING, fail)

    with pytest.raises(GoldenRequestsFailedError, match=r"golden requests 0, .*: ModelError: .*out of memory"):
        check_golden_requests(TASK, context)


@pytest.mark.parametrize("what", [Throttled, ConnectionLost])
def test_what_is_no_fault_of_the_model_is_not_called_one(
    cloud: Cloud, context: LambdaContext, what: type[Exception]
) -> None:
    """The rollout asks everything again then."""

    def hinder(_columns: Mapping[str, Column]) -> ModelAnswer:
        raise what

    write_bundle(cloud)
    cloud.runtime.put(STAGING, hinder)

    with pytest.raises(ModelUnavailableError):
        check_golden_requests(TASK, context)


def test_a_model_whose_answer_is_none_is_named_as_one(cloud: Cloud, context: LambdaContext) -> None:
    def mumble(columns: Mapping[str, Column]) -> ModelAnswer:
        return replace(make_model()(columns), value=("soon",))  # type: ignore[arg-type]  # what it is about

    write_bundle(cloud)
    cloud.runtime.put(STAGING, mumble)

    with pytest.raises(GoldenRequestsFailedError, match=r"recorded rows: what version \d+ answered is no answer"):
        check_golden_requests(TASK, context)


def test_a_model_that_reads_what_no_request_brings_is_named_as_one(cloud: Cloud, context: LambdaContext) -> None:
    learned = FeatureSet([mood], inputs=["driver_s_mood"])
    write_bundle(cloud, features=learned)
    cloud.runtime.put(STAGING, make_model())

    with pytest.raises(GoldenRequestsFailedError, match=r"golden requests 0, .*: missing input column driver_s_mood"):
        check_golden_requests(TASK, context)


def test_without_a_staging_endpoint_nothing_is_checked(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud)

    with pytest.raises(NoModelError):
        check_golden_requests(TASK, context)


def test_a_bundle_without_a_record_cannot_be_checked(cloud: Cloud, context: LambdaContext) -> None:
    write_bundle(cloud, name="other.json")
    cloud.runtime.put(STAGING, make_model())

    with pytest.raises(CorruptBundleError, match=r"holds no golden.json; train it anew"):
        check_golden_requests(TASK, context)


def test_an_artifact_that_was_overwritten_since_it_was_registered_is_refused(
    cloud: Cloud, context: LambdaContext
) -> None:
    write_bundle(cloud)
    registered = TASK["sha256"]
    write_bundle(cloud, content=b'{"inputs": {}, "answers": {}}')
    cloud.runtime.put(STAGING, make_model())

    with pytest.raises(ArtifactChangedError, match=f"was registered as {registered} and is .* now; train anew"):
        check_golden_requests({**TASK, "sha256": registered}, context)
