"""Why a prediction was made, asked over HTTP: captures are compacted by the function that does it, and its SQL runs."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from botocore.exceptions import ReadTimeoutError

from functions.compact_observations.handler import handler as compact_observations
from functions.explain_prediction.handler import handler as explain_prediction
from functions.explain_prediction.handler import load_dependencies
from functions.telemetry import logger
from noriba.events import MetricsObserved, OutcomeObserved
from noriba.features import as_column
from noriba.features.frozen import freeze_features
from noriba.records.artifacts import FEATURES_FILE
from noriba.records.explanations import Contribution, Doubt, Explanation
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.records.observations import PARTITION_KEYS, TABLES
from noriba.usecase import load_use_case
from tests.functions.artifacts import pack
from tests.functions.conftest import FakeContext, read_counts, read_event
from tests.unit.aws.fake_athena import FakeAthena

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.features import Column
    from tests.functions.conftest import Cloud, Listen

USE_CASE = load_use_case("taxi_eta")
ENDPOINT = "noriba-taxi-eta"
ID = "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e"
EVENT = read_event("api_why")
CALLER = EVENT["requestContext"]["identity"]["userArn"]
AT = datetime.now(UTC) - timedelta(minutes=30)
PLACE = 40.7123456
FEATURES = {identity: [float(number), PLACE] for number, identity in enumerate(USE_CASE.features.identities)}
VALUES = (600.0, 900.0)


def answer(columns: Mapping[str, Column]) -> ModelAnswer:
    """A model of which the first feature makes 100 seconds, asked about as many rows as come."""
    values = tuple(VALUES[int(first == PLACE)] for first in next(iter(columns.values())))
    parts = (
        Contribution(column="haversine_m", value=1.0, amount=100.0),
        Contribution(column="rain", value=None, amount=0),
    )
    explanations = tuple(Explanation(base=value - 100.0, contributions=parts, rest=0.0) for value in values)
    doubts = tuple((Doubt(kind="wide", value=2.0, bound=1.0),) for _ in values)
    low, high = tuple(value / 2 for value in values), tuple(value * 2 for value in values)
    return ModelAnswer(low, values, high, 0.8, "d1", explanations, doubts)


class TablesOfS3(FakeAthena):
    """Queries see what the compactor has written, as Athena does."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(duckdb.connect())
        self._observations = cloud.store("observations")

    def start_query_execution(self, **query: Any) -> dict[str, str]:
        for table in TABLES:
            keys = list(self._observations.list_keys(f"{table.name}/"))
            self.engine.register(table.name, pa.concat_tables(map(self._read, keys)) if keys else _nothing(table.name))
        return super().start_query_execution(**query)

    def _read(self, key: str) -> pa.Table:
        content = pyarrow.parquet.read_table(io.BytesIO(self._observations.read(key)))
        for part in key.split("/")[1:-1]:
            name, value = part.split("=")
            column = [int(value) if PARTITION_KEYS[name] == "int" else value] * len(content)
            content = content.append_column(name, pa.array(column))
        return content


def _nothing(table: str) -> pa.Table:
    [columns] = [{**one.columns, **PARTITION_KEYS} for one in TABLES if one.name == table]
    return pa.table({name: pa.array([], pa.int32() if of == "int" else pa.string()) for name, of in columns.items()})


@dataclass
class Compactor:
    """Lambda, which has one function; `done` is what it says, and `trouble` what becomes of its answer."""

    context: LambdaContext
    done: bool = True
    trouble: str | None = None
    asked: list[str] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked.append(FunctionName)
        said = compact_observations(json.loads(Payload), self.context)
        if self.trouble == "Read timeout":
            raise ReadTimeoutError(endpoint_url="https://lambda")
        failure = {"FunctionError": "Unhandled"} if self.trouble else {}
        document = {"errorType": self.trouble} if self.trouble else {**said, "done": self.done}
        return {"Payload": SimpleNamespace(read=json.dumps(document).encode), **failure}


@pytest.fixture
def compactor(cloud: Cloud, context: LambdaContext) -> Compactor:
    """The deployment around the function, in which version 1 answered 30 minutes ago and is in production."""
    _settings, clients = load_dependencies()
    found = Compactor(context)
    vars(clients).update(functions=found, athena=TablesOfS3(cloud))
    cloud.runtime.put(ENDPOINT, answer, variant="v1")
    capture(cloud)
    register(cloud)
    return found


def capture(cloud: Cloud, *, variant: str = "v1") -> None:
    """What SageMaker writes of a prediction for two candidates."""
    columns = {identity: as_column(values) for identity, values in FEATURES.items()}
    asked = encode_columns(columns, candidate_ids=["near", "far"])
    sides = {"endpointInput": asked, "endpointOutput": encode_answer(answer(columns))}
    line = {
        "captureData": {side: {"encoding": "JSON", "data": data.decode()} for side, data in sides.items()},
        "eventMetadata": {"inferenceId": ID, "inferenceTime": AT.isoformat()},
    }
    cloud.store("captures").write(f"{ENDPOINT}/{variant}/{AT:%Y/%m/%d/%H}/a.jsonl", json.dumps(line).encode())


def register(cloud: Cloud) -> None:
    """Version 1; moto's registry is emptied after all tests alone."""
    cloud.store("models").write("1.tar.gz", pack({FEATURES_FILE: freeze_features(USE_CASE.features).encode()}))
    if cloud.clients.sagemaker.list_model_packages(ModelPackageGroupName=ENDPOINT)["ModelPackageSummaryList"]:
        return
    cloud.clients.sagemaker.create_model_package(
        ModelPackageGroupName=ENDPOINT,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://models/1.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={"bundle_digest": "d1", "snapshot_id": "s-1"},
    )


def report(cloud: Cloud) -> None:
    """What apps said of one candidate: it took 640 seconds, and was not cancelled."""
    about: dict[str, Any] = {"use_case": "taxi_eta", "prediction_id": ID, "candidate_id": "near", "observed_at": AT}
    said = {
        "outcomes": OutcomeObserved(value=640.0, **about),
        "metrics": MetricsObserved(metrics={"cancelled": 0.0}, **about),
    }
    for folder, event in said.items():
        line = {"time": AT.isoformat(timespec="seconds"), "detail": event.model_dump(mode="json")}
        cloud.store("outcomes").write(f"{folder}/date={AT:%Y-%m-%d}/hour={AT:%H}/a", json.dumps(line).encode())


def ask(
    context: LambdaContext, prediction_id: str = ID, *, use_case: str = "taxi_eta", **question: str
) -> tuple[int, dict[str, Any]]:
    path = {"use_case": use_case, "prediction_id": prediction_id}
    event = {**EVENT, "pathParameters": path, "queryStringParameters": question or None}
    answered = explain_prediction(event, context)
    return answered["statusCode"], json.loads(answered["body"])


def test_an_operator_is_told_what_the_command_tells(
    cloud: Cloud, context: LambdaContext, compactor: Compactor, capsys: pytest.CaptureFixture[str]
) -> None:
    report(cloud)

    status, why = ask(context)

    assert status == 200
    assert (why["prediction_id"], why["unit"], why["answered_at"]) == (ID, "s", AT.isoformat().replace("+00:00", "Z"))
    [version] = why["versions"]
    assert (version["model_version"], version["unexplained"]) == (1, None)
    assert (version["origin"]["snapshot_id"], version["origin"]["status"]) == ("s-1", "Approved")
    near, far = version["candidates"]
    assert near["features"] == {identity: values[0] for identity, values in FEATURES.items()}
    assert (near["value"], near["base"], near["outcome"], near["error"]) == (600.0, 500.0, 640.0, -40.0)
    assert near["metrics"] == {"cancelled": 0.0}
    assert near["contributions"][0]["text"] == "the straight-line distance is 1 m: 100.0 s longer"
    assert len(near["reasons"]) == 1
    assert (far["candidate_id"], far["value"], far["outcome"]) == ("far", 900.0, None)
    assert compactor.asked == ["compact"]
    counts = read_counts(capsys)["taxi_eta"]
    assert (counts["PredictionsExplained"], counts["PredictionsNotFound"]) == (1, 0)


@pytest.mark.usefixtures("compactor")
def test_the_question_itself_is_no_prediction(cloud: Cloud, context: LambdaContext) -> None:
    assert ask(context)[0] == 200

    [asked] = cloud.runtime.invocations
    # What is captured without an id is joined to nothing, and counted nowhere.
    assert (asked.endpoint_name, asked.variant, asked.inference_id) == (ENDPOINT, "v1", None)
    assert asked.wanted.explain
    assert {name: column.tolist() for name, column in asked.columns.items()} == FEATURES


@pytest.mark.usefixtures("compactor")
def test_who_asked_is_logged_and_neither_about_whom_nor_where(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    report(cloud)
    read = listen(logger)

    assert ask(context, candidate_id="near")[0] == 200

    log = read()
    assert CALLER in log
    for private in (ID, str(PLACE), "near"):
        assert private not in log


@pytest.mark.usefixtures("compactor")
def test_one_of_many_candidates_may_be_named(context: LambdaContext) -> None:
    status, why = ask(context, candidate_id="far", hours="1.5")

    assert status == 200
    [candidate] = why["versions"][0]["candidates"]
    assert (candidate["candidate_id"], candidate["base"]) == ("far", 800.0)


@pytest.mark.usefixtures("compactor")
@pytest.mark.parametrize(
    ("prediction_id", "question"),
    [
        (ID.replace("0", "1"), {}),
        (ID, {"candidate_id": "nobody"}),
    ],
)
def test_what_is_not_there_is_a_404_that_says_where_else_to_look(
    context: LambdaContext, prediction_id: str, question: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, problem = ask(context, prediction_id, **question)

    assert status == 404
    assert all(word in problem["detail"] for word in ("hours", "capture_days", "capture_percent", "minutes"))
    assert read_counts(capsys)["taxi_eta"]["PredictionsNotFound"] == 1


@pytest.mark.parametrize("prediction_id", ["yesterday", ID.upper(), f"{ID}'", ID[:-1]])
def test_what_is_no_id_is_a_400(compactor: Compactor, context: LambdaContext, prediction_id: str) -> None:
    status, problem = ask(context, prediction_id)

    assert status == 400
    assert "prediction_id" in problem["detail"]
    assert prediction_id not in problem["detail"]
    assert compactor.asked == []


@pytest.mark.parametrize(
    "question",
    [{"hours": "0"}, {"hours": "169"}, {"hours": "nan"}, {"hours": "x"}, {"candidate_id": ""}, {"hour": "1"}],
)
def test_a_question_that_makes_no_sense_is_a_400_that_names_the_field(
    compactor: Compactor, context: LambdaContext, question: dict[str, str]
) -> None:
    status, problem = ask(context, **question)

    assert status == 400
    assert [fault["field"] for fault in problem["errors"]] == list(question)
    assert compactor.asked == []


@pytest.mark.usefixtures("compactor")
def test_another_use_case_is_a_404(context: LambdaContext) -> None:
    assert ask(context, use_case="bus_eta")[0] == 404


@pytest.mark.usefixtures("compactor")
def test_a_model_that_left_production_does_not_speak_and_the_rest_is_told(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, answer, variant="v2")

    status, why = ask(context)

    assert status == 200
    [version] = why["versions"]
    assert "noriba why" in version["unexplained"]
    assert version["candidates"][0]["value"] == 600.0
    assert version["candidates"][0]["features"]
    assert version["candidates"][0]["contributions"] == []


@pytest.mark.usefixtures("compactor")
def test_a_container_of_before_tells_the_others_together(cloud: Cloud, context: LambdaContext) -> None:
    def older(columns: Mapping[str, Column]) -> ModelAnswer:
        said = answer(columns)
        parts = said.explanations[0].contributions[:1]
        explained = tuple(
            replaced.model_copy(update={"base": replaced.base + 5.5, "contributions": parts, "rest": -5.5})
            for replaced in said.explanations
        )
        return replace(said, explanations=explained)

    cloud.runtime.put(ENDPOINT, older, variant="v1")

    _status, why = ask(context)

    for candidate in why["versions"][0]["candidates"]:
        *_, last = candidate["contributions"]
        assert (last["feature"], last["text"]) == ("", "everything else together: 5.5 s shorter")
        total = candidate["base"] + math.fsum(one["amount"] for one in candidate["contributions"])
        assert total == pytest.approx(candidate["value"])


def test_what_is_not_found_while_tables_are_being_made_may_be_asked_for_again(
    compactor: Compactor, context: LambdaContext
) -> None:
    compactor.done = False

    status, problem = ask(context, ID.replace("0", "1"))

    assert status == 404
    assert "ask again in a minute" in problem["detail"]


@pytest.mark.parametrize("trouble", ["NotCompactedError", "Read timeout"])
def test_what_the_tables_hold_is_told_though_others_are_not_made_yet(
    compactor: Compactor, context: LambdaContext, listen: Listen, trouble: str
) -> None:
    """An hour that takes longer to compact than the gateway waits must not silence all of it."""
    compactor.trouble = trouble
    read = listen(logger)

    status, why = ask(context)

    assert (status, why["prediction_id"]) == (200, ID)
    assert trouble in read()
    assert "ask again in a minute" in ask(context, ID.replace("0", "1"))[1]["detail"]


def test_what_went_wrong_stands_in_the_log_and_not_in_the_answer(
    compactor: Compactor, context: LambdaContext, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compactor
    _settings, clients = load_dependencies()
    failed = {"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": "HIVE_BAD_DATA"}}}
    monkeypatch.setattr(clients.athena, "get_query_execution", lambda **_: failed)
    read = listen(logger)

    status, problem = ask(context)

    assert status == 503
    assert "HIVE_BAD_DATA" in read()
    assert "HIVE_BAD_DATA" not in problem["detail"]


@pytest.mark.usefixtures("compactor")
def test_a_query_is_not_waited_for_longer_than_the_gateway_waits(
    cloud: Cloud, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    del cloud
    _settings, clients = load_dependencies()
    stopped: list[str] = []
    endless = {"QueryExecution": {"Status": {"State": "RUNNING"}}}
    monkeypatch.setattr(clients.athena, "get_query_execution", lambda **_: endless)
    monkeypatch.setattr(
        clients.athena, "stop_query_execution", lambda **query: stopped.append(query["QueryExecutionId"]), raising=False
    )
    late = cast("LambdaContext", HurriedContext())

    status, problem = ask(late)

    assert status == 503
    assert "fewer hours" in problem["detail"]
    # It costs no more than it has.
    assert len(stopped) == 1
    assert context


class HurriedContext(FakeContext):
    """Nearly at the end of its time."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 4_000
