"""The whole of it without SageMaker: a rollout's orders into the ledger, and an app's requests out of this process."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from functions import hosted_models, predictions
from functions.ask_model import handler as ask_model
from functions.change_endpoints.handler import EndpointMissingError
from functions.change_endpoints.handler import handler as change_endpoints
from functions.describe_service import handler as describe_service
from functions.predict_in_process import handler as predict_module
from functions.telemetry import logger
from noriba.aws.clients import Clients
from noriba.aws.endpoints import ModelFailedError, ModelRefusedError, NoModelError
from noriba.aws.invoked import InvokedEndpoint, ModelReply
from noriba.aws.ledger_endpoints import open_control
from noriba.aws.leftovers import Leftovers
from noriba.records import hosting
from noriba.records.captures import parse_capture
from noriba.records.inference import encode_columns
from noriba.records.ledger_entries import KEY_ATTRIBUTES
from noriba.records.packed import read_invocation
from noriba.training.answering import Answerer
from noriba.usecase import load_use_case
from tests.functions.artifacts import pack
from tests.functions.conftest import REGION, Cloud, Listen, forget_connections, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_lambda_powertools.utilities.typing import LambdaContext

ENDPOINT, STREAM = "noriba-taxi-eta", "noriba-captures"
USE_CASE = load_use_case("taxi_eta")
ONE = read_event("api_predict")
LENGTH = next(name for name in USE_CASE.features.identities if name.startswith("haversine_m@"))


class Stub:
    """A model whose pace stands in its bundle: metres a second; one of pace 0 fails, one below it refuses."""

    def __init__(self, folder: Path) -> None:
        self.pace = float((folder / "pace.txt").read_text())

    def answer(self, body: bytes) -> tuple[int, bytes]:
        if self.pace < 0:
            return 424, json.dumps({"error": "other features", "feature_fingerprint": "f00"}).encode()
        values = [60 + metres / self.pace for metres in read_invocation(body).columns[LENGTH].tolist()]
        sides = {"low": [v * 0.8 for v in values], "value": values, "high": [v * 1.25 for v in values]}
        return 200, json.dumps({**sides, "claimed_coverage": 0.8, "bundle_digest": f"pace {self.pace}"}).encode()


@pytest.fixture(autouse=True)
def _a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are stubs: what a real one answers, its own tests say; here it is which one, and when."""
    monkeypatch.setenv("CAPTURE_STREAM", STREAM)
    monkeypatch.setattr(Answerer, "load", Stub)
    # Functions hear of every change at once.
    monkeypatch.setattr("noriba.aws.in_process.SETTLED_S", 0.0)
    monkeypatch.setattr("noriba.aws.ledger_endpoints.SETTLED_S", 0.0)
    predict_module.find_traffic.cache_clear()
    predictions.leave_out_of_collections.cache_clear()
    ask_model.find_endpoint.cache_clear()
    hosted_models.find_models.cache_clear()
    forget_connections()


@pytest.fixture
def stream(cloud: Cloud) -> Iterator[str]:
    """A stream that writes whatever comes into one folder; where lines really go, templates say."""
    firehose = cloud.clients.other("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName=STREAM,
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/x",
            "BucketARN": "arn:aws:s3:::captures",
            "Prefix": "all/",
        },
    )
    yield STREAM
    firehose.delete_delivery_stream(DeliveryStreamName=STREAM)


class Rollout:
    """Gives the orders that the machine gives."""

    def __init__(self, cloud: Cloud, context: LambdaContext) -> None:
        self._cloud, self._context = cloud, context

    def order(self, action: str, **parameters: object) -> dict[str, Any]:
        event = {"use_case": "taxi_eta", "action": action, "parameters": parameters}
        done: dict[str, Any] = change_endpoints(event, self._context)
        # Step Functions is told in JSON.
        assert json.loads(json.dumps(done)) == done
        return done

    def register(self, version: int, pace: float) -> str:
        """A model of that pace, in the bucket and in the ledger; the name that it has afterwards."""
        artifact = pack({"pace.txt": str(pace).encode()})
        self._cloud.store("models").write(f"{version}.tar.gz", artifact)
        arn = f"arn:aws:sagemaker:{REGION}:123456789012:model-package/noriba-taxi-eta/{version}"
        self._cloud.ledger().record_registration(
            arn,
            image_uri="image",
            model_data_uri=f"s3://models/{version}.tar.gz",
            sha256=hashlib.sha256(artifact).hexdigest(),
        )
        name = f"{ENDPOINT}-v{version}"
        self.order("createModel", ModelName=name, PrimaryContainer={"ModelPackageName": arn})
        return name

    def configure(self, name: str, *variants: tuple[int, float], shadow: int | None = None, percent: int = 100) -> None:
        def describe(version: int, weight: float) -> dict[str, object]:
            model = f"{ENDPOINT}-v{version}"
            return {"VariantName": f"v{version}", "ModelName": model, "InitialVariantWeight": weight}

        shadows = {} if shadow is None else {"ShadowProductionVariants": [describe(shadow, 1)]}
        self.order(
            "createEndpointConfig",
            EndpointConfigName=name,
            ProductionVariants=[describe(*variant) for variant in variants],
            **shadows,
            DataCaptureConfig={"EnableCapture": True, "InitialSamplingPercentage": percent},
        )


@pytest.fixture
def rollout(cloud: Cloud, context: LambdaContext) -> Rollout:
    return Rollout(cloud, context)


@pytest.fixture
def serving(rollout: Rollout) -> Rollout:
    """Version 1 in production: eight metres a second."""
    rollout.register(1, 8.0)
    rollout.configure("one", (1, 1))
    rollout.order("createEndpoint", EndpointName=ENDPOINT, EndpointConfigName="one")
    return rollout


def ask(context: LambdaContext) -> tuple[int, dict[str, Any]]:
    answered = predict_module.handler(ONE, context)
    return answered["statusCode"], json.loads(answered["body"])


def read_measured(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What CloudWatch would make of the log, of models alone."""
    found = []
    for line in capsys.readouterr().out.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            if directive["Namespace"] == "noriba/models":
                assert directive["Dimensions"] == [["EndpointName", "VariantName"]]
                names = [metric["Name"] for metric in directive["Metrics"]]
                found.append({"variant": document["VariantName"], **{name: document[name] for name in names}})
    return found


def read_captured(cloud: Cloud) -> list[dict[str, Any]]:
    captures = cloud.store("captures")
    lines = [line for key in captures.list_keys("all/") for line in captures.read(key).decode().splitlines()]
    return [json.loads(line) for line in lines]


def test_before_the_first_rollout_an_app_is_told_that_there_is_no_model(
    cloud: Cloud, context: LambdaContext, stream: str
) -> None:
    assert cloud
    assert stream

    status, problem = ask(context)

    assert status == 503
    assert "no model is in production yet" in problem["detail"]


@pytest.mark.usefixtures("serving", "stream")
def test_an_app_is_answered_measured_and_captured(
    cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = ask(context)

    assert (status, document["model_version"]) == (200, 1)
    [measured] = read_measured(capsys)
    assert measured.pop("ModelLatency") > 0
    assert measured == {"variant": "v1", "Invocations": 1, "Invocation5XXErrors": 0, "Invocation4XXErrors": 0}
    [line] = read_captured(cloud)
    assert line["eventMetadata"]["endpointName"] == ENDPOINT
    assert line["eventMetadata"]["variantName"] == "v1"
    captured = parse_capture(json.dumps(line))
    assert captured is not None
    assert captured.prediction_id == document["prediction_id"]
    [value] = captured.answer.value
    assert value == pytest.approx(document["predictions"][0]["eta_s"], abs=0.1)
    assert captured.is_whole


@pytest.mark.usefixtures("stream")
def test_a_shadow_is_given_every_request_and_nobody_hears_it(
    serving: Rollout, cloud: Cloud, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    serving.register(2, 4.0)
    serving.configure("shadow", (1, 1), shadow=2)
    serving.order("updateEndpoint", EndpointName=ENDPOINT, EndpointConfigName="shadow")
    capsys.readouterr()

    versions = {ask(context)[1]["model_version"] for _ in range(3)}

    assert versions == {1}
    assert [one["variant"] for one in read_measured(capsys)] == ["v1", "v2"] * 3
    by_variant = {line["eventMetadata"]["variantName"]: line for line in read_captured(cloud)}
    asked = {name: line["captureData"]["endpointInput"]["data"] for name, line in by_variant.items()}
    assert asked["v1"] == asked["v2"]
    captured = {name: parse_capture(json.dumps(line)) for name, line in by_variant.items()}
    [first], [second] = (captured[name].answer.value for name in ("v1", "v2"))  # type: ignore[union-attr]  # neither is None
    assert second - 60 == pytest.approx(2 * (first - 60))


@pytest.mark.parametrize(("pace", "counted"), [(0.0, "Invocation5XXErrors"), (-1.0, "Invocation4XXErrors")])
@pytest.mark.usefixtures("stream")
def test_a_shadow_that_fails_or_refuses_is_counted_and_not_heard(
    serving: Rollout, context: LambdaContext, capsys: pytest.CaptureFixture[str], pace: float, counted: str
) -> None:
    serving.register(2, pace)
    serving.configure("shadow", (1, 1), shadow=2)
    serving.order("updateEndpoint", EndpointName=ENDPOINT, EndpointConfigName="shadow")

    assert ask(context)[0] == 200

    [_champion, shadow] = read_measured(capsys)
    assert (shadow["variant"], shadow["Invocations"], shadow[counted]) == ("v2", 1, 1)


@pytest.mark.usefixtures("stream")
def test_requests_are_split_by_weight_and_shifted(
    serving: Rollout, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.register(2, 4.0)
    serving.configure("canary", (1, 75), (2, 25))
    serving.order("updateEndpoint", EndpointName=ENDPOINT, EndpointConfigName="canary")
    draws = iter([0.0, 0.74, 0.76, 0.99, 0.0, 0.99])
    monkeypatch.setattr("noriba.aws.in_process._CHANCE.random", lambda: next(draws))
    monkeypatch.setattr("noriba.aws.in_process._CHANCE.uniform", lambda *_ends: 0.0)

    before = [ask(context)[1]["model_version"] for _ in range(4)]
    shifted = [{"VariantName": "v1", "DesiredWeight": 1}, {"VariantName": "v2", "DesiredWeight": 0}]
    serving.order("updateEndpointWeightsAndCapacities", EndpointName=ENDPOINT, DesiredWeightsAndCapacities=shifted)
    after = [ask(context)[1]["model_version"] for _ in range(2)]

    assert before == [1, 1, 2, 2]
    assert after == [1, 1]


@pytest.mark.usefixtures("stream")
def test_a_model_whose_artifact_is_another_answers_nothing(
    serving: Rollout, cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    assert serving
    cloud.store("models").write("1.tar.gz", pack({"pace.txt": b"9"}))

    read = listen(logger)
    status, _problem = ask(context)

    assert status == 503
    assert "s3://models/1.tar.gz was registered as" in read()


@pytest.mark.usefixtures("serving")
def test_an_answer_does_not_fail_for_what_could_not_be_kept_of_it(
    context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [ask(context)[0] for _ in range(2)] == [200, 200]

    # There is no stream.
    assert capsys.readouterr().out.count('"CapturesLost":[1.0]') == 2


@pytest.mark.usefixtures("stream")
def test_what_is_not_to_be_captured_is_not(serving: Rollout, cloud: Cloud, context: LambdaContext) -> None:
    serving.configure("quiet", (1, 1), percent=0)
    serving.order("updateEndpoint", EndpointName=ENDPOINT, EndpointConfigName="quiet")

    assert ask(context)[0] == 200

    assert read_captured(cloud) == []


def test_what_is_changed_is_under_way_until_every_function_has_heard(
    serving: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noriba.aws.ledger_endpoints.SETTLED_S", hosting.SETTLED_S)

    assert serving.order("describeEndpoint", EndpointName=ENDPOINT)["EndpointStatus"] == "Updating"


def test_what_was_made_is_described_as_sagemaker_would(serving: Rollout) -> None:
    found = serving.order("describeEndpoint", EndpointName=ENDPOINT)

    assert found["EndpointStatus"] == "InService"
    assert found["EndpointConfigName"] == "one"
    [variant] = found["ProductionVariants"]
    assert variant == {"VariantName": "v1", "ModelName": f"{ENDPOINT}-v1", "CurrentWeight": 1}
    config = serving.order("describeEndpointConfig", EndpointConfigName="one")
    assert config["ProductionVariants"][0]["ModelName"] == f"{ENDPOINT}-v1"


def test_what_is_removed_is_there_no_more(serving: Rollout) -> None:
    for kind, name in (("Endpoint", ENDPOINT), ("EndpointConfig", "one"), ("Model", f"{ENDPOINT}-v1")):
        serving.order(f"delete{kind}", **{f"{kind}Name": name})
        # By these words, the machine knows what is missing from what failed.
        with pytest.raises(EndpointMissingError, match="Could not find"):
            serving.order(f"delete{kind}", **{f"{kind}Name": name})


def test_an_app_s_function_may_see_no_more_of_an_entry_than_it_needs(cloud: Cloud, serving: Rollout) -> None:
    assert serving

    found = cloud.clients.dynamodb.Table("ledger").scan()["Items"]

    hosted = [item for item in found if str(item["entry"]).startswith("hosted-")]
    assert {tuple(sorted(item)) for item in hosted} == {tuple(sorted((*KEY_ATTRIBUTES, "document")))}


# --- for whoever has no models in his process -------------------------------------------------------------------------


@contextmanager
def invoking(monkeypatch: pytest.MonkeyPatch, context: LambdaContext) -> Iterator[InvokedEndpoint]:
    """The function behind the name, as Lambda would call it."""

    def invoke(_functions: object, _name: str, event: str) -> bytes:
        return json.dumps(ask_model.handler(json.loads(event), context)).encode()

    monkeypatch.setattr("noriba.aws.invoked.invoke", invoke)
    yield InvokedEndpoint(Clients().functions, "ask-model", use_case="taxi_eta", name=ENDPOINT)


def test_others_ask_a_model_through_a_function(
    serving: Rollout, context: LambdaContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serving.register(2, -1.0)
    serving.register(3, 0.0)
    serving.configure("three", (1, 1), (2, 0), (3, 0))
    serving.order("updateEndpoint", EndpointName=ENDPOINT, EndpointConfigName="three")
    features = USE_CASE.features.compute_identified(
        USE_CASE.complete(USE_CASE.request.model_validate(json.loads(ONE["body"])).to_columns())
    )
    body = encode_columns(features)

    with invoking(monkeypatch, context) as endpoint:
        reply = endpoint.ask(body, inference_id=None, variant="v1")
        with pytest.raises(ModelRefusedError) as refused:
            endpoint.ask(body, inference_id=None, variant="v2")
        with pytest.raises(ModelFailedError, match="ZeroDivisionError"):
            endpoint.ask(body, inference_id=None, variant="v3")
        with pytest.raises(NoModelError):
            endpoint.ask(body, inference_id=None, variant="v4")

    assert reply.model_version == 1
    assert refused.value.feature_fingerprint == "f00"
    # Nobody's app has asked.
    assert read_measured(capsys) == []


def test_what_the_function_says_is_read_as_it_was_said() -> None:
    said = ModelReply(said="unavailable", body=b"S3 is busy")

    assert ModelReply.model_validate_json(said.model_dump_json()) == said


# --- who looks after it -----------------------------------------------------------------------------------------------

CHAMPION, CANARY = f"{ENDPOINT}-v1-0000000a", f"{ENDPOINT}-canary-0000000b"


def test_what_a_stopped_rollout_left_half_way_is_the_champion_s_again(rollout: Rollout, cloud: Cloud) -> None:
    rollout.register(1, 8.0)
    rollout.register(2, 4.0)
    rollout.configure(CHAMPION, (1, 1))
    rollout.configure(CANARY, (1, 50), (2, 50))
    rollout.order("createEndpoint", EndpointName=ENDPOINT, EndpointConfigName=CANARY)
    control = open_control(cloud.clients, use_case="taxi_eta", ledger_table="ledger")

    first = Leftovers(control, ENDPOINT).remove(owned=(), champion_config=CHAMPION)
    second = Leftovers(control, ENDPOINT).remove(owned=(), champion_config=CHAMPION)

    assert (first.restored, first.pending) == (1, 1)
    assert (second.restored, second.pending, second.configurations) == (0, 0, 1)
    found = cloud.ledger().read_hosted_endpoint(ENDPOINT)
    assert found is not None
    assert [variant.name for variant in found.variants] == ["v1"]


def test_the_service_says_which_model_answers(
    serving: Rollout, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert serving
    monkeypatch.setenv("ENDPOINTS_LEDGER", "ledger")
    forget_connections()
    describe_service.known.clear()

    answered = describe_service.handler(read_event("api_health"), context)

    [use_case] = [one for one in json.loads(answered["body"])["use_cases"] if one["use_case"] == "taxi_eta"]
    assert (use_case["status"], use_case["model_version"]) == ("InService", 1)
    # Of the other shape, whoever asks next.
    forget_connections()
    describe_service.known.clear()
