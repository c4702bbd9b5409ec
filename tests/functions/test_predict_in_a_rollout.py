"""While two models are in production: a subject meets the same one, and an app never hears of a model that fails."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from functions.predict import handler as predict_module
from functions.telemetry import logger
from noriba.records.ledger_entries import ROLLOUT
from noriba.rollout.assignment import Split
from tests.functions.test_predict import ENDPOINT, RIDE, ask, drive_at_eight_metres_a_second, fail_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from noriba.features import Column
    from noriba.records.inference import ModelAnswer
    from tests.functions.conftest import Cloud, Listen

EXECUTION = "arn:aws:states:ap-northeast-1:123456789012:execution:noriba-rollout:4f1d"
SPLIT = Split(salt=EXECUTION, champion="v1", challenger="v2", percent=30)
PEOPLE = [f"rider {number}" for number in range(40)]


@pytest.fixture(autouse=True)
def _a_new_instance() -> None:
    predict_module.find_traffic.cache_clear()


@pytest.fixture
def _no_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks the ledger asks in vain."""
    monkeypatch.setenv("LEDGER_TABLE", "gone")
    predict_module.load_dependencies.cache_clear()  # type: ignore[attr-defined]  # lru_cache behind a plain signature
    yield
    predict_module.load_dependencies.cache_clear()  # type: ignore[attr-defined]


def begin_canary(cloud: Cloud, *, percent: int = SPLIT.percent, **changes: Any) -> None:
    """The ledger, as ROLLOUT leaves it while it waits for the verdict on a canary."""
    entry: dict[str, Any] = {
        "use_case": "taxi_eta",
        "entry": ROLLOUT,
        "execution": EXECUTION,
        "stage": "canary",
        "percent": percent,
    }
    entry |= {"champion": "v1", "challenger": "v2", **changes}
    cloud.clients.dynamodb.Table("ledger").put_item(Item=entry)


def serve_both(cloud: Cloud, challenger: Any = drive_at_eight_metres_a_second) -> None:
    """Two variants; SageMaker's draw always falls on the challenger."""
    cloud.runtime.put(ENDPOINT, challenger, variant="v2", beside={"v1": drive_at_eight_metres_a_second})


def answer_nan(columns: Mapping[str, Column]) -> ModelAnswer:
    return replace(drive_at_eight_metres_a_second(columns), value=(math.nan,))


def meet(context: LambdaContext, subject: str) -> int:
    status, document = ask(context, RIDE | {"subject": subject})
    assert status == 200, document
    return int(document["model_version"])


def test_a_subject_meets_the_same_model_again_and_again(cloud: Cloud, context: LambdaContext) -> None:
    serve_both(cloud)
    begin_canary(cloud)

    met = {person: {meet(context, person) for _ in range(3)} for person in PEOPLE}

    assert all(len(versions) == 1 for versions in met.values())
    assert {min(versions) for versions in met.values()} == {1, 2}
    # Any other instance of the function would say the same: nothing was drawn.
    expected = {person: 2 if SPLIT.find_group(person) < 300 else 1 for person in PEOPLE}
    assert {person: min(versions) for person, versions in met.items()} == expected


def test_what_is_captured_knows_the_group_and_not_the_subject(cloud: Cloud, context: LambdaContext) -> None:
    serve_both(cloud)
    begin_canary(cloud)

    meet(context, "rider 7")
    ask(context, RIDE)

    first, second = cloud.runtime.invocations
    assert first.group == SPLIT.find_group("rider 7")
    assert second.group is None


@pytest.mark.usefixtures("_no_ledger")
def test_a_request_without_a_subject_is_split_by_sagemaker_and_needs_nobody_else(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    serve_both(cloud)

    read = listen(logger)

    assert ask(context, RIDE)[1]["model_version"] == 2
    said = read()
    assert "two models" not in said
    assert "nobody knows how far intervals are to be stretched" in said
    assert cloud.runtime.invocations[-1].wanted.stretch is None


@pytest.mark.parametrize("stage", ["shadow", None])
def test_where_one_model_serves_a_subject_changes_nothing(
    cloud: Cloud, context: LambdaContext, stage: str | None
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v1")
    if stage is not None:
        begin_canary(cloud, stage=stage)

    assert meet(context, "rider 7") == 1
    assert cloud.runtime.invocations[-1].group is None


def test_a_rollout_that_has_ended_is_no_trouble(cloud: Cloud, context: LambdaContext) -> None:
    serve_both(cloud)
    begin_canary(cloud)
    meet(context, "rider 7")
    # What it knew a moment ago is not so any more.
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v3")

    assert {meet(context, person) for person in PEOPLE} == {3}


@pytest.mark.parametrize("subject", [{}, {"subject": "rider 7"}])
@pytest.mark.parametrize("challenger", [fail_with(500), fail_with(400, "missing column rain@0000"), answer_nan])
def test_the_champion_answers_for_a_challenger_that_fails(
    cloud: Cloud, context: LambdaContext, listen: Listen, challenger: Any, subject: dict[str, str]
) -> None:
    serve_both(cloud, challenger)
    begin_canary(cloud, percent=99)

    read = listen(logger)
    status, document = ask(context, RIDE | subject)

    assert (status, document.get("model_version")) == (200, 1)
    assert "the champion is asked instead" in read()
    # The group stays the challenger's: that the champion answered it shows in the split.
    assert cloud.runtime.invocations[-1].group == cloud.runtime.invocations[0].group


def test_a_canary_that_has_just_begun_is_heard_of_when_its_challenger_fails(
    cloud: Cloud, context: LambdaContext
) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v1")
    assert meet(context, "rider 7") == 1
    # What it knew a moment ago is not so any more.
    serve_both(cloud, fail_with(500))
    begin_canary(cloud)

    assert meet(context, "rider 7") == 1


def test_a_champion_that_fails_is_not_asked_twice(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v2", beside={"v1": fail_with(500)})
    begin_canary(cloud, percent=1)
    person = next(one for one in PEOPLE if SPLIT.find_group(one) >= 10)

    status, problem = ask(context, RIDE | {"subject": person})

    assert (status, problem["detail"]) == (503, "the model did not answer; try again in a moment")
    # boto3 tries a request twice.
    assert {one.variant for one in cloud.runtime.invocations} == {"v1"}


@pytest.mark.usefixtures("_no_ledger")
def test_without_the_ledger_a_subject_is_answered_all_the_same(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    serve_both(cloud)

    read = listen(logger)

    assert meet(context, "rider 7") == 2
    assert "nobody knows whether two models are in production" in read()


@pytest.mark.parametrize("subject", ["", "x" * 129, 7, ["rider"]])
def test_a_subject_is_a_short_string(cloud: Cloud, context: LambdaContext, subject: object) -> None:
    serve_both(cloud)

    status, problem = ask(context, RIDE | {"subject": subject})

    assert (status, problem["errors"][0]["field"]) == (422, "subject")


def test_no_log_line_names_a_subject(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    serve_both(cloud, fail_with(500))
    begin_canary(cloud)
    read = listen(logger)

    for person in PEOPLE[:10]:
        ask(context, RIDE | {"subject": person})
        ask(context, RIDE | {"subject": person, "pickup_at": "soon"})

    said = read()
    assert "rider" not in said
    assert str(json.dumps(PEOPLE[0])) not in said
