"""Several variants behind one endpoint: weights, shadows, and what is captured of them."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.sagemaker.conftest import variant_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON_AND_CSV = {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]}


@pytest.fixture
def serve(sagemaker: Any, config: Any, settled: Any, name: str) -> Iterator[Callable[..., str]]:
    """`serve(old=9, new=1)`: an endpoint of a variant for each model, with these weights; its name."""
    made: list[str] = []

    def make(
        *,
        shadow: float | None = None,
        capture: dict[str, Any] | None = None,
        shadow_model: dict[str, Any] | None = None,
        **weights: float,
    ) -> str:
        variants = [
            variant_of(config(model), VariantName=model, InitialVariantWeight=weight)
            for model, weight in weights.items()
        ]
        extra: dict[str, Any] = {"DataCaptureConfig": capture} if capture else {}
        if shadow is not None:
            model = config("shadow", **(shadow_model or {}))
            extra["ShadowProductionVariants"] = [variant_of(model, VariantName="shadow", InitialVariantWeight=shadow)]
        sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-c", ProductionVariants=variants, **extra)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-c")
        assert settled(name)["EndpointStatus"] == "InService"
        made.append(name)
        return name

    yield make
    for endpoint in made:
        settled(endpoint)
        sagemaker.delete_endpoint(EndpointName=endpoint)


@pytest.fixture
def invoke(runtime: Any) -> Callable[..., str]:
    """`invoke(endpoint)`: the variant that answered."""

    def ask(endpoint: str, **how: Any) -> str:
        given = {"Body": b"{}", "ContentType": "application/json", **how}
        return str(runtime.invoke_endpoint(EndpointName=endpoint, **given)["InvokedProductionVariant"])

    return ask


# --- weights ---------------------------------------------------------------------------------------------------------


def test_variants_share_the_requests_by_their_weights(serve: Any, invoke: Any) -> None:
    endpoint = serve(old=9, new=1)

    with ThreadPoolExecutor(8) as pool:
        answered = Counter(pool.map(lambda _: invoke(endpoint), range(400)))

    # Four standard deviations of a draw of 400 by one in ten.
    assert 16 <= answered["new"] <= 64
    assert answered["old"] + answered["new"] == 400


def test_a_variant_is_asked_by_name_whatever_its_weight(serve: Any, invoke: Any) -> None:
    endpoint = serve(old=1, new=0)

    assert {invoke(endpoint) for _ in range(20)} == {"old"}
    assert invoke(endpoint, TargetVariant="new") == "new"


def test_weights_move_while_requests_are_answered(sagemaker: Any, serve: Any, invoke: Any, settled: Any) -> None:
    endpoint = serve(old=1, new=0)
    before = {one["VariantName"]: one["CurrentWeight"] for one in settled(endpoint)["ProductionVariants"]}
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(invoke, endpoint) for _ in range(200)]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[
                {"VariantName": "old", "DesiredWeight": 0},
                {"VariantName": "new", "DesiredWeight": 1},
            ],
        )
        answered = {one.result() for one in asking}

    after = settled(endpoint)["ProductionVariants"]
    assert before == {"old": 1.0, "new": 0.0}
    assert {one["VariantName"]: (one["CurrentWeight"], one["DesiredWeight"]) for one in after} == {
        "old": (0.0, 0.0),
        "new": (1.0, 1.0),
    }
    assert answered <= {"old", "new"}
    assert {invoke(endpoint) for _ in range(20)} == {"new"}


def test_instances_of_a_variant_come_and_go(
    sagemaker: Any, serve: Any, settled: Any, ask: Any, is_running: Any, eventually: Any
) -> None:
    endpoint = serve(only=1)

    def scale(count: int) -> dict[str, Any]:
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": "only", "DesiredInstanceCount": count}],
        )
        (variant,) = settled(endpoint)["ProductionVariants"]
        return dict(variant)

    assert scale(2)["CurrentInstanceCount"] == 2
    with ThreadPoolExecutor(8) as pool:
        servers = {answer["pid"] for answer in pool.map(lambda _: ask(endpoint, sleep_s=0.1), range(8))}
    assert len(servers) == 2
    assert scale(1)["CurrentInstanceCount"] == 1
    (left,) = {ask(endpoint)["pid"] for _ in range(8)}
    (gone,) = servers - {left}
    assert eventually(lambda: not is_running(gone))


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        ([{"VariantName": "other", "DesiredWeight": 1.0}], 'Could not find variant "other"'),
        ([{"VariantName": "old", "DesiredInstanceCount": 0}], "needs one instance at least"),
        (
            [{"VariantName": "old", "DesiredInstanceCount": 2}, {"VariantName": "new", "DesiredInstanceCount": 2}],
            "The capacity of one variant can be updated at a time",
        ),
    ],
)
def test_what_cannot_be_desired_is_refused_and_changes_nothing(
    sagemaker: Any, serve: Any, invoke: Any, desired: list[dict[str, Any]], message: str
) -> None:
    endpoint = serve(old=1, new=0)

    with pytest.raises(ClientError, match=message) as refusal:
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=desired)

    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"
    assert {invoke(endpoint) for _ in range(10)} == {"old"}


def test_one_change_at_a_time(sagemaker: Any, serve: Any, settled: Any) -> None:
    endpoint = serve(old=1)
    grow = [{"VariantName": "old", "DesiredInstanceCount": 2}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=grow)

    on_its_way = sagemaker.describe_endpoint(EndpointName=endpoint)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=grow)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-c")

    assert on_its_way["EndpointStatus"] == "Updating"
    assert [(one["CurrentInstanceCount"], one["DesiredInstanceCount"]) for one in on_its_way["ProductionVariants"]] == [
        (1, 2)
    ]
    settled(endpoint)


@pytest.mark.parametrize(
    ("production", "shadows", "message"),
    [
        (["a", "b"], ["s"], "exactly one production variant"),
        (["a"], ["s", "t"], "exactly one shadow variant"),
        (["a"], ["a"], "Variant names must be unique; there are several a"),
        (["a", "b", "a"], [], "Variant names must be unique; there are several a"),
    ],
)
def test_sagemaker_s_own_limits_are_limits_here(
    sagemaker: Any, config: Any, name: str, production: list[str], shadows: list[str], message: str
) -> None:
    model = config("one")
    request: dict[str, Any] = {"ProductionVariants": [variant_of(model, VariantName=one) for one in production]}
    if shadows:
        request["ShadowProductionVariants"] = [variant_of(model, VariantName=one) for one in shadows]

    with pytest.raises(ClientError, match=message) as refusal:
        sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-limits", **request)

    assert refusal.value.response["Error"]["Code"] == "ValidationException"


# --- shadows and captures --------------------------------------------------------------------------------------------


def capture_to(bucket: str, **changes: Any) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/captures",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": JSON_AND_CSV,
        **changes,
    }


@pytest.fixture
def read_captured(client: Any, bucket: str) -> Callable[[str], dict[str, list[dict[str, Any]]]]:
    """`read_captured(endpoint)`: the lines by variant; every object's key is checked."""

    def read(endpoint: str) -> dict[str, list[dict[str, Any]]]:
        s3, found = client("s3"), dict[str, list[dict[str, Any]]]()
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=f"captures/{endpoint}/").get("Contents", []):
            match = re.fullmatch(
                rf"captures/{endpoint}/(\w+)/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-[0-9a-f-]{{36}}\.jsonl",
                item["Key"],
            )
            assert match, item["Key"]
            text = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
            found.setdefault(match[1], []).extend(json.loads(line) for line in text.splitlines())
        return found

    return read


def test_a_shadow_gets_every_request_and_nobody_its_answers(
    serve: Any, invoke: Any, settled: Any, bucket: str, read_captured: Any, eventually: Any
) -> None:
    endpoint = serve(live=1, shadow=1, capture=capture_to(bucket))

    answered = {invoke(endpoint, Body=json.dumps({"n": n}), InferenceId=f"prediction-{n}") for n in range(30)}
    captured = eventually(lambda: _if_all(read_captured(endpoint), live=30, shadow=30), 20)

    assert answered == {"live"}
    described = settled(endpoint)
    assert [one["VariantName"] for one in described["ShadowProductionVariants"]] == ["shadow"]
    assert described["DataCaptureConfig"]["CurrentSamplingPercentage"] == 100
    asked = {
        variant: {line["eventMetadata"]["inferenceId"]: line["captureData"]["endpointInput"]["data"] for line in lines}
        for variant, lines in captured.items()
    }
    # The very same requests, under the same ids: what a paired comparison is made of.
    assert asked["live"] == asked["shadow"] == {f"prediction-{n}": json.dumps({"n": n}) for n in range(30)}
    models = {
        variant: {json.loads(line["captureData"]["endpointOutput"]["data"])["model"] for line in lines}
        for variant, lines in captured.items()
    }
    assert models == {"live": {"live"}, "shadow": {"shadow"}}


def _if_all(captured: dict[str, list[Any]], **counts: int) -> dict[str, list[Any]] | None:
    return captured if {variant: len(lines) for variant, lines in captured.items()} == counts else None


def test_a_line_is_as_sagemaker_writes_it(
    serve: Any, invoke: Any, bucket: str, read_captured: Any, eventually: Any
) -> None:
    endpoint = serve(live=1, capture=capture_to(bucket))

    invoke(endpoint, Body=b"1,2", ContentType="text/csv; charset=utf-8", InferenceId="a")
    invoke(endpoint, Body=b"\xff\x00", ContentType="application/x-npy")
    lines = eventually(lambda: _if_all(read_captured(endpoint), live=2), 20)["live"]

    csv, binary = sorted(lines, key=lambda line: line["captureData"]["endpointInput"]["encoding"], reverse=True)
    assert csv["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv; charset=utf-8",
        "mode": "INPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    output = csv["captureData"]["endpointOutput"]
    assert (output["mode"], output["observedContentType"], output["encoding"]) == ("OUTPUT", "application/json", "JSON")
    assert csv["eventVersion"] == "0"
    assert csv["eventMetadata"].keys() == {"eventId", "inferenceId", "inferenceTime"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", csv["eventMetadata"]["inferenceTime"])
    assert base64.b64decode(binary["captureData"]["endpointInput"]["data"]) == b"\xff\x00"
    assert "inferenceId" not in binary["eventMetadata"]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"CaptureOptions": [{"CaptureMode": "Input"}]}, {"endpointInput"}),
        ({"CaptureOptions": [{"CaptureMode": "Output"}]}, {"endpointOutput"}),
        (
            {"CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]},
            {"endpointInput", "endpointOutput"},
        ),
    ],
)
def test_only_what_is_asked_for_is_captured(
    serve: Any, invoke: Any, bucket: str, read_captured: Any, eventually: Any, changes: Any, kept: set[str]
) -> None:
    endpoint = serve(live=1, capture=capture_to(bucket, **changes))

    invoke(endpoint)
    (line,) = eventually(lambda: _if_all(read_captured(endpoint), live=1), 20)["live"]

    assert line["captureData"].keys() == kept


@pytest.mark.parametrize("changes", [{"EnableCapture": False}, {"InitialSamplingPercentage": 0}])
def test_what_is_switched_off_is_not_captured(
    serve: Any, invoke: Any, bucket: str, read_captured: Any, replace_by_capturing: Any, eventually: Any, changes: Any
) -> None:
    endpoint = serve(live=1, capture=capture_to(bucket, **changes))
    invoke(endpoint)

    replace_by_capturing(endpoint)

    # What the fleet in between had captured was written before it went; the first one had captured nothing.
    assert eventually(lambda: _if_all(read_captured(endpoint), second=1))


@pytest.fixture
def replace_by_capturing(sagemaker: Any, config: Any, settled: Any, invoke: Any, bucket: str) -> Callable[[str], None]:
    """`replace_by_capturing(endpoint)`: another fleet, that captures one request and is replaced again."""

    def replace(endpoint: str) -> None:
        sagemaker.create_endpoint_config(
            EndpointConfigName=f"{endpoint}-on",
            ProductionVariants=[variant_of(config("second"), VariantName="second")],
            DataCaptureConfig=capture_to(bucket),
        )
        for configuration in ("on", "c"):
            sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-{configuration}")
            settled(endpoint)
            if configuration == "on":
                invoke(endpoint)

    return replace


def test_a_shadow_that_fails_is_nobody_s_trouble_and_counted(
    serve: Any, invoke: Any, bucket: str, read_captured: Any, eventually: Any, count: Any
) -> None:
    endpoint = serve(live=1, shadow=1, capture=capture_to(bucket), shadow_model={"status": 500})

    assert {invoke(endpoint) for _ in range(20)} == {"live"}
    # What failed is measured, and not captured: there is no answer to compare.
    assert eventually(lambda: _if_all(read_captured(endpoint), live=20), 20)
    assert eventually(lambda: count(endpoint, "shadow", "Invocation5XXErrors") == 20)
    assert count(endpoint, "live", "Invocation5XXErrors") == 0


@pytest.fixture
def count(client: Any) -> Callable[[str, str, str], float]:
    """`count(endpoint, variant, metric)`: its sum, of the last hour."""

    def add_up(endpoint: str, variant: str, metric: str) -> float:
        now = datetime.now(UTC)
        answer = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=7200,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))

    return add_up


def test_a_shadow_of_half_the_weight_gets_half_of_the_requests(
    serve: Any, invoke: Any, bucket: str, read_captured: Any, eventually: Any
) -> None:
    endpoint = serve(live=1, shadow=0.5, capture=capture_to(bucket))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: invoke(endpoint), range(200)))

    def look() -> Any:
        found = read_captured(endpoint)
        # Four standard deviations of a draw of 200 by one half. Each variant's captures come when they come.
        return found if len(found.get("live", [])) == 200 and len(found.get("shadow", [])) >= 72 else None

    assert len(eventually(look, 20)["shadow"]) <= 128
