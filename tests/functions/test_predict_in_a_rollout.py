"""While two models are in production: a subject meets the same one, and an app never hears of a model that fails."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from functions.predict import handler as predict_module
from functions.telemetry import logger
from noriba.aws.live_models import FeatureArchive
from noriba.features import FeatureSet
from noriba.features.frozen import freeze_features
from noriba.records.ledger_entries import CHALLENGER_FEATURES, ROLLOUT, STRETCH
from noriba.rollout.assignment import Split
from tests.functions.test_predict import (
    ENDPOINT,
    LEARNED,
    RIDE,
    USE_CASE,
    ask,
    drive_at_eight_metres_a_second,
    fail_with,
    refuse_all_but,
)

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


def northing_m(destination_latitude: Column, origin_latitude: Column) -> Column:
    """As it was defined when an older champion was trained."""
    return np.abs(origin_latitude - destination_latitude) * 111_000.0


OLDER = FeatureSet([northing_m], inputs=["origin_latitude", "destination_latitude"])


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


def find_group(subject: str) -> int:
    group = SPLIT.find_group(subject)
    assert group is not None
    return group


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
    expected = {person: 2 if find_group(person) < 300 else 1 for person in PEOPLE}
    assert {person: min(versions) for person, versions in met.items()} == expected


def test_what_is_captured_knows_the_group_and_not_the_subject(cloud: Cloud, context: LambdaContext) -> None:
    serve_both(cloud)
    begin_canary(cloud)

    meet(context, "rider 7")
    ask(context, RIDE)

    first, second = cloud.runtime.invocations
    assert first.group == find_group("rider 7")
    assert second.group is None


@pytest.mark.usefixtures("_no_ledger")
def test_a_request_without_a_subject_is_split_by_sagemaker_and_needs_nobody_else(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    serve_both(cloud)

    read = listen(logger)

    assert ask(context, RIDE)[1]["model_version"] == 2
    said = read()
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


@pytest.mark.parametrize("subject", [{}, {"subject": "rider 7"}])
@pytest.mark.parametrize("challenger", [fail_with(500), fail_with(400, "missing column rain@0000"), answer_nan])
def test_while_the_endpoint_changes_the_champion_answers_for_a_challenger_that_fails_and_nobody_is_counted(
    cloud: Cloud, context: LambdaContext, challenger: Any, subject: dict[str, str]
) -> None:
    """As ROLLOUT leaves the ledger from before the endpoint has both models to when it waits for the verdict."""
    serve_both(cloud, challenger)
    begin_canary(cloud, percent=0)

    status, document = ask(context, RIDE | subject)

    assert (status, document.get("model_version")) == (200, 1)
    assert {one.group for one in cloud.runtime.invocations} == {None}


@pytest.mark.parametrize("percent", [0, 30])
def test_a_challenger_that_is_not_there_yet_is_no_trouble(cloud: Cloud, context: LambdaContext, percent: int) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v1")
    begin_canary(cloud, percent=percent)

    assert {meet(context, person) for person in PEOPLE} == {1}
    assert ask(context, RIDE)[0] == 200


def test_a_champion_that_fails_is_not_asked_twice(cloud: Cloud, context: LambdaContext) -> None:
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v2", beside={"v1": fail_with(500)})
    begin_canary(cloud, percent=1)
    person = next(one for one in PEOPLE if find_group(one) >= 10)

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


@pytest.mark.parametrize(
    "spoilt",
    [
        {"percent": 100},
        {"percent": "many"},
        {"champion": None},
        {"execution": 7},
        {"feature_fingerprint": ["6c6dbf051d9e"]},
    ],
)
def test_an_entry_that_nobody_can_read_is_as_none_and_no_request_fails(
    cloud: Cloud, context: LambdaContext, listen: Listen, spoilt: dict[str, Any]
) -> None:
    serve_both(cloud)
    begin_canary(cloud, **spoilt)

    read = listen(logger)

    assert {meet(context, person) for person in PEOPLE[:3]} == {2}
    assert "nobody knows whether two models are in production" in read()
    assert cloud.runtime.invocations[-1].group is None


@pytest.mark.parametrize("spoilt", [{"factor": "wide"}, {"factor": None}, {"bundle_digest": 7}])
def test_a_stretch_that_nobody_can_read_is_none(
    cloud: Cloud, context: LambdaContext, listen: Listen, spoilt: dict[str, Any]
) -> None:
    serve_both(cloud)
    entry = {"use_case": "taxi_eta", "entry": STRETCH, "factor": "1.2", "bundle_digest": "abc"}
    cloud.clients.dynamodb.Table("ledger").put_item(Item=entry | spoilt)

    read = listen(logger)

    assert meet(context, "rider 7") == 2
    assert "nobody knows how far intervals are to be stretched" in read()
    assert cloud.runtime.invocations[-1].wanted.stretch is None


# --- a challenger in the shadow that learned other features than the code declares ------------------------------------


def shadow(cloud: Cloud, features: FeatureSet = LEARNED, model: Any = None) -> None:
    """A champion of today's features, and in its shadow a model of others, of which the ledger says so."""
    challenger = model or refuse_all_but(features)
    cloud.runtime.put(ENDPOINT, drive_at_eight_metres_a_second, variant="v1", shadow=challenger)
    entry = {
        "use_case": "taxi_eta",
        "entry": ROLLOUT,
        "execution": EXECUTION,
        CHALLENGER_FEATURES: features.fingerprint,
    }
    cloud.clients.dynamodb.Table("ledger").put_item(Item=entry)


@pytest.fixture
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request looks at the ledger."""
    monkeypatch.setattr("noriba.aws.routing.KNOWN_S", 0.0)


def keep(cloud: Cloud, features: FeatureSet = LEARNED) -> None:
    FeatureArchive(cloud.store("models")).keep(freeze_features(features).encode())


@pytest.mark.parametrize("subject", [{}, {"subject": "rider 7"}])
def test_a_shadow_gets_the_features_that_it_learned_from_the_first_request_on(
    cloud: Cloud, context: LambdaContext, subject: dict[str, str]
) -> None:
    keep(cloud)
    shadow(cloud)

    for _ in range(3):
        assert ask(context, RIDE | subject)[0] == 200

    assert cloud.runtime.copies == [True, True, True]
    # No request was sent twice for it.
    asked = cloud.runtime.invocations
    assert len(asked) == 3
    assert set(asked[0].columns) == {*LEARNED.identities, *USE_CASE.features.identities}


def test_champion_and_shadow_may_both_have_learned_what_the_code_no_longer_declares(
    cloud: Cloud, context: LambdaContext
) -> None:
    keep(cloud)
    keep(cloud, OLDER)
    shadow(cloud)
    cloud.runtime.put(ENDPOINT, refuse_all_but(OLDER), variant="v1", shadow=refuse_all_but(LEARNED))

    for _ in range(3):
        assert ask(context, RIDE)[0] == 200

    assert all(cloud.runtime.copies)
    assert {*LEARNED.identities, *OLDER.identities} < set(cloud.runtime.invocations[-1].columns)


def test_a_challenger_of_today_s_features_costs_nothing(cloud: Cloud, context: LambdaContext, listen: Listen) -> None:
    shadow(cloud, USE_CASE.features, drive_at_eight_metres_a_second)

    read = listen(logger)

    assert ask(context, RIDE)[0] == 200
    # Nobody kept them here: whoever had looked would have said so.
    assert "the challenger's features" not in read()


@pytest.mark.usefixtures("_no_memory")
def test_when_its_definitions_are_nowhere_no_request_fails_and_they_are_looked_for_once(
    cloud: Cloud, context: LambdaContext, listen: Listen
) -> None:
    shadow(cloud)

    read = listen(logger)
    for _ in range(3):
        assert ask(context, RIDE)[0] == 200

    assert cloud.runtime.copies == [False, False, False]
    assert read().count("the challenger's features are left out") == 1


def need_mood(driver_s_mood: Column) -> Column:
    return driver_s_mood


def fail(origin_latitude: Column) -> Column:
    return origin_latitude[:, 0]


@pytest.mark.parametrize(
    "features",
    [FeatureSet([need_mood], inputs=["driver_s_mood"]), FeatureSet([fail], inputs=["origin_latitude"])],
)
def test_when_they_cannot_be_computed_no_request_fails(
    cloud: Cloud, context: LambdaContext, listen: Listen, features: FeatureSet
) -> None:
    keep(cloud, features)
    shadow(cloud, features)

    read = listen(logger)
    for _ in range(3):
        assert ask(context, RIDE)[0] == 200

    assert cloud.runtime.copies == [False, False, False]
    said = read()
    assert said.count("the challenger's features are left out") == 1
    assert "40.7" not in said


def test_in_a_canary_the_champion_answers_for_a_challenger_whose_features_cannot_be_computed(
    cloud: Cloud, context: LambdaContext
) -> None:
    features = FeatureSet([need_mood], inputs=["driver_s_mood"])
    keep(cloud, features)
    serve_both(cloud, refuse_all_but(features))
    begin_canary(cloud, percent=99, **{CHALLENGER_FEATURES: features.fingerprint})

    assert {meet(context, person) for person in PEOPLE[:5]} == {1}


@pytest.mark.usefixtures("_no_memory")
def test_an_archive_that_does_not_answer_is_asked_again_at_the_next_look(
    cloud: Cloud, context: LambdaContext, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(cloud)
    settings, clients = predict_module.load_dependencies()
    elsewhere = settings.model_copy(update={"models_bucket": "elsewhere"})
    monkeypatch.setattr(predict_module, "load_dependencies", lambda: (elsewhere, clients))

    read = listen(logger)

    assert ask(context, RIDE)[0] == 200
    assert "the challenger's features are not known yet" in read()

    clients.s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    clients.s3.put_bucket_versioning(Bucket="elsewhere", VersioningConfiguration={"Status": "Enabled"})
    FeatureArchive(cloud.store("elsewhere")).keep(freeze_features(LEARNED).encode())
    assert ask(context, RIDE)[0] == 200
    assert cloud.runtime.copies == [False, True]


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
