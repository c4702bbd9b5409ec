"""What really happened, onto the bus."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from functions.record_outcome import handler as record_outcome_module
from functions.record_outcome.handler import handler as record_outcome
from noriba.events import MetricsObserved, OutcomeObserved
from tests.functions.conftest import Cloud, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

EVENT = read_event("api_outcome")
LEFT_OUT = object()


@pytest.fixture
def outcome() -> dict[str, Any]:
    """A good outcome, observed a minute ago."""
    observed = datetime.now(UTC) - timedelta(minutes=1)
    document: dict[str, Any] = json.loads(EVENT["body"])
    return document | {"observed_at": observed.isoformat()}


def report(context: LambdaContext, body: object, *, use_case: str = "taxi_eta") -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    answered = record_outcome(EVENT | {"body": text, "pathParameters": {"use_case": use_case}}, context)
    return answered["statusCode"], json.loads(answered["body"])


def test_an_outcome_is_taken_and_stands_on_the_bus_in_utc(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any]
) -> None:
    status, document = report(context, outcome)

    assert (status, document) == (202, {"prediction_id": outcome["prediction_id"]})
    (heard,) = cloud.hear()
    observed = OutcomeObserved.parse(heard)
    assert observed == OutcomeObserved(use_case="taxi_eta", **outcome)
    assert observed.observed_at.tzinfo == UTC


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"cancelled": False, "dispatched": True}, {"cancelled": 0.0, "dispatched": 1.0}),
        ({"cancelled": 1}, {"cancelled": 1.0}),
        ({"dispatched": 0.0}, {"dispatched": 0.0}),
    ],
)
def test_what_the_business_makes_of_it_is_taken_as_numbers(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any], said: dict[str, Any], kept: dict[str, float]
) -> None:
    assert report(context, {**outcome, "metrics": said})[0] == 202

    first, second = cloud.hear()
    assert [first["detail-type"], second["detail-type"]] == ["OutcomeObserved", "MetricsObserved"]
    observed = MetricsObserved.parse(second)
    assert observed.metrics == kept
    assert (observed.prediction_id, observed.candidate_id) == (outcome["prediction_id"], outcome["candidate_id"])


def test_a_ride_that_was_cancelled_has_no_arrival_time(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any]
) -> None:
    del outcome["value"]

    assert report(context, {**outcome, "metrics": {"cancelled": True}})[0] == 202

    [heard] = cloud.hear()
    assert MetricsObserved.parse(heard).metrics == {"cancelled": 1.0}


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"metrics": {"canceled": True}}, "metrics.canceled", "Extra inputs"),
        ({"metrics": {"cancelled": "yes"}}, "metrics.cancelled", "must be true or false"),
        ({"metrics": {"cancelled": 123456789}}, "metrics.cancelled", "must be true or false"),
        ({"metrics": {"cancelled": -5}}, "metrics.cancelled", "must be true or false"),
        ({"metrics": {"cancelled": 0.5}}, "metrics.cancelled", "must be true or false"),
        ({"metrics": {"cancelled": None}}, "metrics.cancelled", "must be true or false"),
        ({"metrics": {}}, "metrics", "name one, or leave it out"),
        ({"value": None}, "body", "give the outcome's value, or metrics, or both"),
        ({"value": None, "metrics": None}, "body", "give the outcome's value, or metrics, or both"),
    ],
)
def test_what_says_nothing_or_nothing_that_was_declared_is_refused(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any], changes: dict[str, Any], field: str, says: str
) -> None:
    status, problem = report(context, {**outcome, **changes})

    assert status == 422
    [fault] = problem["errors"]
    assert fault["field"] == field
    assert says in fault["message"]
    assert cloud.hear() == []


def test_a_use_case_without_metrics_takes_none(cloud: Cloud, context: LambdaContext, outcome: dict[str, Any]) -> None:
    del outcome["candidate_id"]
    status, problem = report(context, {**outcome, "metrics": {"cancelled": True}}, use_case="scooter_energy")

    assert (status, problem["errors"][0]["field"]) == (422, "metrics")
    assert cloud.hear() == []


def test_an_outcome_of_a_single_origin_names_no_candidate(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any]
) -> None:
    del outcome["candidate_id"]

    status, _ = report(context, outcome)

    assert status == 202
    assert OutcomeObserved.parse(cloud.hear()[0]).candidate_id is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prediction_id": "not-an-id"}, "prediction_id"),
        ({"prediction_id": LEFT_OUT}, "prediction_id"),
        ({"candidate_id": ""}, "candidate_id"),
        ({"value": 0}, "value"),
        ({"value": -1.0}, "value"),
        ({"value": float("inf")}, "value"),
        ({"value": LEFT_OUT}, "body"),
        ({"observed_at": "2026-07-04T19:00:00"}, "observed_at"),
        ({"observed_at": "2999-01-01T00:00:00Z"}, "observed_at"),
        ({"rider": "Ada"}, "rider"),
    ],
)
def test_a_wrong_outcome_names_its_field_and_reaches_nobody(
    cloud: Cloud, context: LambdaContext, outcome: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    body = {name: value for name, value in (outcome | changes).items() if value is not LEFT_OUT}

    status, problem = report(context, body)

    assert status == 422
    assert [fault["field"] for fault in problem["errors"]] == [field]
    assert cloud.hear() == []


@pytest.mark.usefixtures("cloud")
def test_a_clock_a_little_ahead_is_forgiven(context: LambdaContext, outcome: dict[str, Any]) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()

    assert report(context, outcome | {"observed_at": ahead})[0] == 202


@pytest.mark.parametrize(("body", "status"), [("", 400), ("nonsense", 400), ("[1]", 400), ("x" * 600_000, 413)])
@pytest.mark.usefixtures("cloud")
def test_a_body_that_is_no_outcome_at_all(context: LambdaContext, body: str, status: int) -> None:
    assert report(context, body)[0] == status


@pytest.mark.usefixtures("cloud")
def test_an_unknown_use_case_is_not_found(context: LambdaContext, outcome: dict[str, Any]) -> None:
    assert report(context, outcome, use_case="bus_eta")[0] == 404


class _RefusingBus(BaseHTTPRequestHandler):
    """EventBridge on a bad day."""

    status: int
    document: Mapping[str, Any]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.document).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name for it
        """Say nothing."""


BAD_DAYS: dict[str, tuple[int, dict[str, Any]]] = {
    # 200, and inside it the entry's failure
    "failed": (200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}),
    "throttled": (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
}


@pytest.fixture(params=BAD_DAYS)
def refusing_bus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    status, document = BAD_DAYS[request.param]
    server = HTTPServer(("127.0.0.1", 0), type("Bus", (_RefusingBus,), {"status": status, "document": document}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", f"http://127.0.0.1:{server.server_port}")
    record_outcome_module.load_dependencies.cache_clear()  # type: ignore[attr-defined]
    yield
    server.shutdown()
    server.server_close()
    thread.join()
    record_outcome_module.load_dependencies.cache_clear()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("cloud", "refusing_bus")
def test_an_outcome_that_the_bus_does_not_take_is_to_be_sent_again(
    context: LambdaContext, outcome: dict[str, Any]
) -> None:
    status, problem = report(context, outcome)

    assert (status, problem["detail"]) == (503, "the outcome was not taken; send it again")
