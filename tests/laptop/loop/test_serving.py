"""What apps see, and what people see through the command and the AWS CLI."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import jsonschema
import pytest
import urllib3
from botocore.exceptions import ClientError
from openapi_spec_validator import validate as validate_openapi

from laptop.state import PROJECT_ROOT
from noriba.aws.deployment import STACKS
from noriba.aws.objects import ObjectStore
from noriba.aws.observations import Lines
from noriba.client import AccuracyReport, ApiClient
from noriba.monitoring.drift import FEWEST_ROWS
from noriba.records.captures import parse_capture
from noriba.usecase import load_use_case
from tests.laptop.loop.conftest import RIDE
from tests.unit.monitoring.accuracy_by_hand import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from noriba.aws.registry import ModelPackage
    from noriba.client import VariantAccuracy
    from noriba.monitoring.accuracy import OutcomeTroubles
    from noriba.records.snapshot import SnapshotManifest
    from tests.laptop.loop.conftest import Loop

CALLER = {"region_name": "us-east-1", "aws_access_key_id": "123456789012", "aws_secret_access_key": "laptop"}
PREDICTIONS = "/v1/taxi_eta/predictions"


@pytest.fixture(scope="module")
def contract(loop: Loop) -> dict[str, Any]:
    """The API's own description of itself."""
    document: dict[str, Any] = urllib3.request("GET", f"{loop.session.deployment.api_url}/v1/openapi.json").json()
    return document


def find_schema(contract: dict[str, Any], name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": contract["components"]}


def test_the_contract_is_openapi(contract: dict[str, Any]) -> None:
    validate_openapi(contract)
    assert PREDICTIONS in contract["paths"]


def test_answers_are_what_the_contract_says(loop: Loop, champion: ModelPackage, contract: dict[str, Any]) -> None:
    assert champion
    answer = loop.api.predict("taxi_eta", RIDE).answer
    jsonschema.validate(answer, find_schema(contract, "TaxiEtaAnswer"))


def test_five_hundred_candidates_are_answered_in_one_request_and_in_their_order(
    loop: Loop, champion: ModelPackage
) -> None:
    assert champion
    cars = [
        {"candidate_id": f"car-{number}", "origin": {"latitude": 40.70 + number / 5000, "longitude": -73.98}}
        for number in range(500)
    ]
    request = {"candidates": cars, "destination": RIDE["destination"], "pickup_at": RIDE["pickup_at"]}
    answer = loop.api.predict("taxi_eta", request).answer
    assert [found["candidate_id"] for found in answer["predictions"]] == [car["candidate_id"] for car in cars]


BAD_REQUESTS = {
    "missing": ({"origin": RIDE["origin"], "pickup_at": RIDE["pickup_at"]}, 422, "destination"),
    "extra": ({**RIDE, "fare": 12}, 422, "fare"),
    "wrong type": ({**RIDE, "rain_mm_per_h": "much"}, 422, "rain_mm_per_h"),
    "impossible": ({**RIDE, "origin": {"latitude": 123.0, "longitude": 0.0}}, 422, "origin.latitude"),
    "no object": ([1, 2], 400, None),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_told_which_field_is_at_fault(loop: Loop, contract: dict[str, Any], name: str) -> None:
    request, wanted, field = BAD_REQUESTS[name]
    status, problem = loop.api.post(PREDICTIONS, request)
    assert status == wanted
    jsonschema.validate(problem, find_schema(contract, "Problem"))
    assert field is None or field in {error["field"] for error in problem["errors"]}


def test_an_unknown_use_case_and_an_unknown_route_are_404(loop: Loop) -> None:
    status, problem = loop.api.post("/v1/bicycles/predictions", RIDE)
    assert status == 404
    assert problem["detail"].startswith("no use case 'bicycles'; installed: ")
    answer = urllib3.request("GET", f"{loop.session.deployment.api_url}/v1/nowhere")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_encoded_slash_is_no_slash(loop: Loop) -> None:
    status, problem = loop.api.post("/v1/taxi_eta%2Fpredictions", RIDE)
    assert status == 404
    assert "no such route" in problem["detail"]


@pytest.fixture
def broken_recorder(loop: Loop) -> Iterator[None]:
    """The function that takes outcomes, without its configuration: it crashes when it is called."""
    client = boto3.client("lambda", endpoint_url=loop.cloud.endpoint_url, **CALLER)  # type: ignore[call-overload]
    (name,) = [
        found["FunctionName"]
        for page in client.get_paginator("list_functions").paginate()
        for found in page["Functions"]
        if "RecordOutcome" in found["FunctionName"]
    ]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {key: value for key, value in variables.items() if key != "BUS_NAME"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    yield
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.mark.usefixtures("champion", "broken_recorder")
def test_a_function_that_crashes_is_an_alarm_and_its_stack_is_nobodys_business(loop: Loop) -> None:
    outcome = {"prediction_id": str(uuid.uuid4()), "value": 1.0, "observed_at": "2026-07-01T18:00:00Z"}

    status, problem = loop.api.post("/v1/taxi_eta/outcomes", outcome)

    assert status == 502
    assert problem == {"type": "about:blank", "title": "Internal Server Error", "detail": "Internal server error"}
    cloudwatch = loop.session.clients.cloudwatch
    alarms = loop.eventually(
        lambda: [
            alarm["AlarmName"]
            for alarm in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
            if "ServerErrors" in alarm["AlarmName"]
        ]
    )
    assert len(alarms) == 1


def test_without_a_key_nobody_is_answered(loop: Loop) -> None:
    answer = urllib3.request("POST", f"{loop.session.deployment.api_url}{PREDICTIONS}", json=RIDE)
    assert answer.status == 403
    assert answer.json()["status"] == 403


@pytest.fixture
def hasty_app(loop: Loop) -> Iterator[ApiClient]:
    """An app with a key of its own, whose plan allows two requests at once and one a minute after that."""
    gateway, url = loop.session.clients.apigateway, loop.session.deployment.api_url
    # The operators' API is there as well.
    *_, api_id, stage_name = url.split("/")
    stage = {"apiId": api_id, "stage": stage_name}
    plan = gateway.create_usage_plan(name="hasty", apiStages=[stage], throttle={"rateLimit": 1 / 60, "burstLimit": 2})  # type: ignore[list-item]
    key = gateway.create_api_key(name="hasty", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    yield ApiClient(url, key["value"])
    gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])
    gateway.delete_api_key(apiKey=key["id"])


def test_a_key_is_held_to_its_plan_and_others_are_not(loop: Loop, hasty_app: ApiClient) -> None:
    answers = [hasty_app.post(PREDICTIONS, []) for _ in range(3)]

    assert [status for status, _ in answers] == [400, 400, 429]
    assert answers[-1][1]["detail"] == "too many requests; slow down and try again"
    assert loop.api.post(PREDICTIONS, [])[0] == 400


def test_health_says_which_model_answers(loop: Loop, champion: ModelPackage) -> None:
    answer = urllib3.request("GET", f"{loop.session.deployment.api_url}/v1/health")
    (model,) = (one for one in answer.json()["use_cases"] if one["use_case"] == "taxi_eta")
    assert model["status"] == "InService"
    assert model["model_version"] >= champion.version


def test_whoever_asks_for_the_health_again_and_again_is_told_to_slow_down(loop: Loop) -> None:
    """It needs no key, so its method has a limit of its own, far below the stage's."""
    answers = [urllib3.request("GET", f"{loop.session.deployment.api_url}/v1/health") for _ in range(30)]

    refused = [answer.json() for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} <= {200, 429}
    assert {problem["detail"] for problem in refused} == {"too many requests; slow down and try again"}


def test_what_the_model_was_asked_and_answered_is_captured_under_the_prediction_s_id(
    loop: Loop, champion: ModelPackage
) -> None:
    answered = loop.api.predict("taxi_eta", RIDE).answer

    [line] = loop.eventually(lambda: find_captures(loop, champion, answered["prediction_id"]))
    captured = parse_capture(json.dumps(line))

    assert captured is not None
    assert captured.features.keys() == set(load_use_case("taxi_eta").features.identities)
    assert round(captured.answer.value[0], 1) == answered["predictions"][0]["eta_s"]


def find_captures(loop: Loop, model: ModelPackage, prediction_id: str) -> list[dict[str, Any]]:
    """The lines that SageMaker captured of a model's answers under an id."""
    s3, bucket = loop.session.clients.s3, loop.session.deployment.captures_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"noriba-taxi-eta/v{model.version}/").get("Contents", [])
    texts = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode() for item in found]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    return [line for line in lines if line["eventMetadata"].get("inferenceId") == prediction_id]


def test_an_outcome_is_taken_and_kept(loop: Loop, champion: ModelPackage) -> None:
    assert champion
    prediction_id = loop.api.predict("taxi_eta", RIDE).answer["prediction_id"]
    outcome = {"prediction_id": prediction_id, "value": 1234.5, "observed_at": datetime.now(UTC).isoformat()}
    status, _answer = loop.api.post("/v1/taxi_eta/outcomes", outcome)
    assert status == 202
    kept = loop.eventually(lambda: find_outcomes(loop, prediction_id), within_s=90)
    assert [event["detail"]["value"] for event in kept] == [1234.5]

    report = loop.eventually(lambda: see_accuracy(loop, champion))
    assert report.outcomes_contradicted == 0


def see_accuracy(loop: Loop, model: ModelPackage) -> AccuracyReport | None:
    """The report, as soon as a capture has met its outcome, and SQL says what the lines say."""
    report = AccuracyReport.model_validate(loop.run_json("noriba", "accuracy", "--hours", "1", "--json"))
    by_line, troubles = judge_lines(loop, report)
    [version] = [one for one in report.variants if one.model_version == model.version]
    # Lines that came while the command ran are not in its report.
    if version.with_outcome < 1 or [one.answered for one in by_line] != [one.answered for one in report.variants]:
        return None
    assert version.mae
    assert [one.mae for one in report.variants] == pytest.approx([one.mae for one in by_line])
    assert (report.outcomes_unknown, report.unreadable_lines) == (troubles.unknown, troubles.unreadable)
    return report


def judge_lines(loop: Loop, report: AccuracyReport) -> tuple[list[VariantAccuracy], OutcomeTroubles]:
    """The same by hand, from every line that there is."""
    s3, deployment, lines = loop.session.clients.s3, loop.session.deployment, Lines()
    captures, outcomes = (ObjectStore(s3, name) for name in (deployment.captures_bucket, deployment.outcomes_bucket))
    answers = [
        (variant, one)
        for variant in captures.list_folders("noriba-taxi-eta/")
        for one in lines.read_answers(captures, captures.list_keys(f"noriba-taxi-eta/{variant}/"))
        if report.since <= one.at <= report.until
    ]
    events = list(lines.read_outcomes(outcomes, outcomes.list_keys("outcomes/"), use_case="taxi_eta"))
    return judge(answers, events, unreadable=lines.unreadable)


def find_outcomes(loop: Loop, prediction_id: str) -> list[dict[str, Any]]:
    """The lines in the outcomes bucket about a prediction; each file is a table of JSON lines."""
    s3, bucket = loop.session.clients.s3, loop.session.deployment.outcomes_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix="outcomes/date=").get("Contents", [])
    texts = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode() for item in found]
    events = [json.loads(line) for text in texts for line in text.splitlines()]
    return [event for event in events if event["detail"]["prediction_id"] == prediction_id]


@dataclass(frozen=True)
class Told:
    """What an app was told of a prediction at once, and an operator by the command later."""

    answer: dict[str, Any]
    why: dict[str, Any]


@pytest.fixture(scope="module")
def told(loop: Loop, champion: ModelPackage) -> Told:
    """A prediction for two cars, of which one arrived."""
    assert champion
    cars = [
        {"candidate_id": "near", "origin": RIDE["origin"]},
        # Far out at sea: no trip of training began there.
        {"candidate_id": "far", "origin": {"latitude": 39.5, "longitude": -73.0}},
    ]
    request = {"candidates": cars, "destination": RIDE["destination"], "pickup_at": RIDE["pickup_at"], "explain": True}
    answer = loop.api.predict("taxi_eta", request).answer
    prediction_id, about = (
        answer["prediction_id"],
        {"candidate_id": "near", "observed_at": datetime.now(UTC).isoformat()},
    )
    outcome = {"prediction_id": prediction_id, "value": 1234.5, "metrics": {"cancelled": False}, **about}
    assert loop.api.post("/v1/taxi_eta/outcomes", outcome)[0] == 202
    return Told(answer, loop.eventually(lambda: see_why(loop, prediction_id), within_s=90))


def test_why_is_told_to_the_app_at_once_and_to_an_operator_later(
    loop: Loop, champion: ModelPackage, told: Told
) -> None:
    """By the model in the container, and by its bundle on another machine: the same."""
    why, near_and_far = told.why, told.answer["predictions"]
    near, far = near_and_far
    assert far["confidence"] == "low"
    assert any("training saw no" in reason for reason in far["reasons"])

    [version] = why["versions"]
    assert (version["model_version"], version["origin"]["snapshot_id"]) == (1, champion.metadata["snapshot_id"])
    assert version["origin"]["note"] == loop.session.registry.describe(champion.arn).note
    found = {one["candidate_id"]: one for one in version["candidates"]}
    for said, one in ((near, found["near"]), (far, found["far"])):
        explanation = said["explanation"]
        total = explanation["base"] + sum(each["amount"] for each in explanation["features"]) + explanation["rest"]
        assert total == pytest.approx(said["eta_s"], abs=1e-6)
        assert one["base"] + sum(each["amount"] for each in one["contributions"]) == pytest.approx(
            one["value"], abs=1e-6
        )
        assert [each["text"] for each in explanation["features"]] == [each["text"] for each in one["contributions"][:5]]
        assert one["reasons"] == said.get("reasons", [])
        assert round(one["value"], 1) == said["eta_s"]
    assert found["near"]["features"].keys() == set(load_use_case("taxi_eta").features.identities)
    assert (found["near"]["outcome"], found["near"]["metrics"]) == (1234.5, {"cancelled": 0.0})
    assert found["near"]["error"] == pytest.approx(found["near"]["value"] - 1234.5)
    assert found["far"]["outcome"] is None
    words = loop.run("noriba", "why", why["prediction_id"], "--hours", "1").stdout
    assert "candidate far" in words
    assert "low confidence: " in words


def test_an_operator_is_told_the_same_over_https_by_the_program_of_the_documents(loop: Loop, told: Told) -> None:
    """By the model in production, which says all that its bundle says."""
    pages = (PROJECT_ROOT / "docs/operations.md").read_text()
    [program] = re.findall(r"^```python\n(.*?)^```", pages, re.DOTALL | re.MULTILINE)
    url, prediction_id = loop.session.deployment.operators_api_url, told.why["prediction_id"]

    assert loop.run_json("python", "-c", program, url, "taxi_eta", prediction_id) == told.why

    unsigned = urllib3.request("GET", f"{url}/v1/taxi_eta/predictions/{prediction_id}/why")
    assert (unsigned.status, unsigned.headers["content-type"]) == (403, "application/problem+json")
    unknown = loop.run_json("python", "-c", program, url, "taxi_eta", str(uuid.uuid4()))
    assert unknown["status"] == 404
    lines = loop.run_json("noriba", "logs", "explain-prediction", "--json")
    assert any("asked why" in line["message"] for line in lines)
    assert not any(prediction_id in line["message"] for line in lines)


def see_why(loop: Loop, prediction_id: str) -> dict[str, Any] | None:
    """What the command says, as soon as the capture, the outcome and the metric are there."""
    done = loop.run("noriba", "why", prediction_id, "--hours", "1", "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    if done.returncode == 1:
        assert said["error"] == "NoSuchPredictionError"
        assert "--hours" in said["message"]
        return None
    candidates = said["versions"][0]["candidates"]
    return said if any(one["outcome"] is not None and one["metrics"] for one in candidates) else None


def test_an_outcome_from_the_future_is_refused(loop: Loop) -> None:
    outcome = {
        "prediction_id": "24e0b31f-f213-4188-90fc-589527eb6732",
        "value": 1.0,
        "observed_at": "2199-01-01T00:00:00Z",
    }
    status, problem = loop.api.post("/v1/taxi_eta/outcomes", outcome)
    assert status == 422
    assert problem["errors"][0]["field"] == "observed_at"


def test_the_command_shows_what_there_is(loop: Loop, snapshot: SnapshotManifest, champion: ModelPackage) -> None:
    status = loop.run_json("noriba", "status", "--json")
    assert status["endpoint_url"] == loop.cloud.endpoint_url
    assert set(status["stacks"].values()) == {"CREATE_COMPLETE"}
    assert status["endpoint"] == "InService"
    datasets = loop.run_json("noriba", "datasets", "--json")
    assert snapshot.snapshot_id in [found["snapshot_id"] for found in datasets["snapshots"]]
    models = loop.run_json("noriba", "models", "--json")
    assert champion.version in [found["version"] for found in models]
    one = loop.run_json("noriba", "models", str(champion.version), "--json")
    assert one["lineage"]["bundle_digest"] == champion.metadata["bundle_digest"]
    answer = loop.run_json("noriba", "predict", json.dumps(RIDE), "--json")["answer"]
    assert answer["predictions"]
    lines = loop.run_json("noriba", "logs", "predict", "--json")
    assert any(answer["prediction_id"] in line["message"] for line in lines)
    rollout = loop.run_json("noriba", "logs", "rollout", "--json")
    assert any('"ExecutionSucceeded"' in line["message"] for line in rollout)


def test_the_audit_tells_what_led_to_production(loop: Loop, champion: ModelPackage) -> None:
    found = loop.run_json("noriba", "audit", str(champion.version), "--json")
    told = [entry["what"] for entry in found["entries"]]
    made = f"made the snapshot {champion.metadata['snapshot_id']}"
    assert told[:4] == [made, "decided to train", "trained it", "registered it as a candidate"]
    rolled_out = [what for what in told if what in {"began its rollout", "staging entered", "production entered"}]
    assert rolled_out[:3] == ["began its rollout", "staging entered", "production entered"]
    # It was approved more than once, and the last time only stands in the registry.
    [approval] = [entry for entry in found["entries"] if entry["what"] == "set it to Approved"]
    assert approval["who"]
    # The laptop cloud keeps no history of calls.
    assert any("CloudTrail" in gap for gap in found["gaps"])


def test_the_approver_sees_models_and_nothing_else(loop: Loop, champion: ModelPackage) -> None:
    deployment = loop.session.deployment
    approver = loop.session.clients.acting_as(deployment.approver_role_arn, session_name="ada")

    assert approver.sagemaker.describe_model_package(ModelPackageName=champion.arn)["ModelPackageVersion"]
    calls: list[Callable[[], object]] = [
        partial(approver.s3.list_objects_v2, Bucket=deployment.raw_bucket),
        partial(approver.sagemaker.delete_endpoint, EndpointName="noriba-taxi-eta"),
        partial(approver.sagemaker.create_model_package, ModelPackageGroupName=champion.group),
    ]
    for call in calls:
        with pytest.raises(ClientError) as failure:
            call()
        assert failure.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}


def test_the_doctor_finds_nothing_bad_in_a_deployment(loop: Loop) -> None:
    found = {one["what"]: one for one in loop.run_json("noriba", "doctor", "--json")}
    assert {one["level"] for one in found.values()} <= {"good", "look"}
    assert found["stacks"]["found"] == f"{len(STACKS)} are there"
    # Nobody gave an address.
    assert found["operator_email"]["level"] == "look"


def test_no_place_of_a_ride_stands_in_the_logs(loop: Loop, champion: ModelPackage) -> None:
    assert champion
    loop.api.predict("taxi_eta", {**RIDE, "origin": {"latitude": 40.7123456, "longitude": -73.9123456}})
    lines = loop.run_json("noriba", "logs", "predict", "--json")
    assert lines
    assert not any("40.7123456" in line["message"] or "73.9123456" in line["message"] for line in lines)


@pytest.mark.parametrize("words", [["predict", "{"], ["approve", "99"], ["logs", "nothing"], ["models", "99"]])
def test_a_command_that_fails_says_so_in_one_line(loop: Loop, champion: ModelPackage, words: list[str]) -> None:
    assert champion
    done = loop.run("noriba", *words)
    assert done.returncode in {1, 2}
    assert done.stderr.strip().startswith("✗")
    assert "Traceback" not in done.stderr


def test_the_readme_s_own_words_point_the_aws_cli_here(loop: Loop, champion: ModelPackage) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (PROJECT_ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    [words] = [block for block in blocks if "noriba env" in block]

    # Nothing but what the README sets.
    done = subprocess.run(
        ["sh", "-euc", words],
        cwd=PROJECT_ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(loop.folder), "NORIBA_HOME": str(loop.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "noriba-serving" in done.stdout
    assert champion.arn in done.stdout


def test_the_aws_cli_sees_the_same(loop: Loop, champion: ModelPackage) -> None:
    stacks = loop.run_json("aws", "cloudformation", "describe-stacks")["Stacks"]
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}
    raw = loop.session.deployment.raw_bucket
    assert loop.run_json("aws", "s3api", "list-object-versions", "--bucket", raw)["Versions"]
    package = loop.run_json("aws", "sagemaker", "describe-model-package", "--model-package-name", champion.arn)
    assert package["ModelApprovalStatus"] == "Approved"
    endpoint = loop.run_json("aws", "sagemaker", "describe-endpoint", "--endpoint-name", "noriba-taxi-eta")
    assert endpoint["EndpointStatus"] == "InService"
    machine = loop.session.deployment.ingest_machine_arn
    executions = loop.run_json(
        "aws", "stepfunctions", "list-executions", "--state-machine-arn", machine, "--status-filter", "SUCCEEDED"
    )["executions"]
    assert executions


def test_that_everybody_asks_for_one_ride_is_drift(loop: Loop, champion: ModelPackage) -> None:
    assert champion
    for _ in range(2 * FEWEST_ROWS):
        assert loop.api.post(PREDICTIONS, RIDE)[0] == 200

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = loop.run_json("noriba", "drift", "--hours", "1", "--json")
        return found if found["verdict"] != "unknown" else None

    report = loop.eventually(look)
    assert report["verdict"] == "drifted"
    [length] = [one for one in report["features"] if one["name"] == "haversine_m"]
    assert length["drifted"]
    assert length["distance"] > 2 * length["usual"]
    assert "of rows in training" in length["moved"]
