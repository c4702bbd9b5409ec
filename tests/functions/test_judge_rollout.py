"""The judge: reads what is new, and answers the rollout that waits when the answer is clear."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import functions.judge_rollout.handler as judge_rollout
from noriba.aws.objects import ObjectStore
from noriba.events import OutcomeObserved
from noriba.features import as_column
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.records.rollout import RolloutPlan, name_comparison
from noriba.rollout.pairing import Tally
from noriba.usecase import ComparisonPolicy, RolloutPolicy
from tests.functions.conftest import read_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.functions.conftest import Cloud

ENDPOINT = "noriba-taxi-eta"
EXECUTION = "arn:aws:states:ap-northeast-1:123456789012:execution:rollout:e1"
FEW = ComparisonPolicy(min_outcomes=40, min_slice_outcomes=40, tuned_for=40)
PLAN = RolloutPlan.of(RolloutPolicy(min_shadow_hours=1, comparison=FEW), stages="full")
BEGAN = datetime.now(UTC) - timedelta(minutes=30)
MINUTE = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
LATENCY = "noriba-taxi-eta-endpoint-latency"
ALARM = {
    "source": "aws.cloudwatch",
    "detail-type": "CloudWatch Alarm State Change",
    "detail": {"alarmName": LATENCY, "state": {"value": "ALARM"}},
}
OUTCOMES = 200


class FakeStepFunctions:
    """States that wait with a token, and what they were told."""

    class exceptions:  # noqa: N801  # as a client names it
        class TaskDoesNotExist(Exception): ...  # noqa: N818

        class TaskTimedOut(Exception): ...  # noqa: N818

    def __init__(self) -> None:
        self.waiting = {"token-1"}
        self.told: list[dict[str, Any]] = []

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803  # boto3's names
        if taskToken not in self.waiting:
            raise self.exceptions.TaskDoesNotExist
        self.waiting.remove(taskToken)
        self.told.append(json.loads(output))


@pytest.fixture
def states(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStepFunctions]:
    """moto's Step Functions take no token that they have not given out."""
    fake = FakeStepFunctions()
    settings, clients = judge_rollout.load_dependencies()
    monkeypatch.setattr(clients, "stepfunctions", fake)
    yield fake
    assert settings
    assert cloud


def await_verdict(cloud: Cloud, stage: str = "shadow", **more: object) -> None:
    """A rollout waits, as its machine writes it down."""
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={
            "use_case": "taxi_eta",
            "entry": "rollout",
            "execution": EXECUTION,
            "token": "token-1",
            "stage": stage,
            "since": BEGAN.isoformat(),
            "plan": PLAN.model_dump_json(),
            "endpoint": ENDPOINT,
            "champion": "v6",
            "challenger": "v7",
            **more,  # type: ignore[dict-item]  # plain values
        }
    )


def name_prediction(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def capture(cloud: Cloud, variant: str, values: dict[int, float], *, name: str, at: datetime) -> None:
    """What SageMaker writes of a variant's answers."""
    lines = []
    for number, value in values.items():
        answer = ModelAnswer((value - 9,), (value,), (value + 9,), 0.8, "digest")
        slices = {"part of day": ["day"]}
        asked = encode_columns({"x@1": as_column([1.0])}, slices=slices)
        body = {
            side: {"encoding": "JSON", "data": data.decode()}
            for side, data in (("endpointInput", asked), ("endpointOutput", encode_answer(answer)))
        }
        metadata = {"inferenceId": name_prediction(number), "inferenceTime": at.isoformat()}
        lines.append(json.dumps({"captureData": body, "eventMetadata": metadata}))
    key = f"{ENDPOINT}/{variant}/{at:%Y/%m/%d/%H}/{name}.jsonl"
    cloud.store("captures").write(key, "\n".join(lines).encode())


def report(cloud: Cloud, values: dict[int, float], *, name: str = "a") -> None:
    """What the archive of outcomes writes; an outcome every five minutes of some days."""
    lines = []
    for number, value in values.items():
        event = OutcomeObserved(
            use_case="taxi_eta",
            prediction_id=name_prediction(number),
            value=value,
            observed_at=BEGAN - timedelta(minutes=5 * number),
        )
        reported_at = datetime.now(UTC).isoformat(timespec="seconds")
        lines.append(json.dumps({"time": reported_at, "detail": event.model_dump(mode="json")}))
    cloud.store("outcomes").write(f"outcomes/date={datetime.now(UTC):%Y-%m-%d}/{name}", "\n".join(lines).encode())


def observe(cloud: Cloud, numbers: range, *, by: float, name: str = "a", at: datetime | None = None) -> None:
    """Requests that the champion answered 50 s wrong, and the challenger by so much less or more."""
    truth = {number: 600.0 + 3 * (number % 17) for number in numbers}
    at = at or datetime.now(UTC)
    capture(cloud, "v6", {n: value + 50 + number_noise(n) for n, value in truth.items()}, name=name, at=at)
    capture(cloud, "v7", {n: value + 50 + by for n, value in truth.items()}, name=name, at=at)
    report(cloud, truth, name=name)


def number_noise(number: int) -> float:
    return (number * 7919 % 23) - 11.0


def measure(
    cloud: Cloud, variant: str, *, requests: int, failed: int = 0, latency_ms: float | None = None, at: datetime
) -> None:
    """What SageMaker tells CloudWatch of a variant; each test has its own, for CloudWatch forgets nothing."""
    dimensions = [{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": variant}]
    cloud.clients.cloudwatch.put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": at}  # type: ignore[typeddict-item]  # as it is
            for name, value in (("Invocations", float(requests)), ("Invocation5XXErrors", float(failed)))
        ],
    )
    if latency_ms is not None:
        answers = [
            {"MetricName": "ModelLatency", "Value": latency_ms * 1000, "Dimensions": dimensions, "Timestamp": at}
        ] * requests
        cloud.clients.cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=answers)  # type: ignore[arg-type]  # as it is


def observe_canary(
    cloud: Cloud, numbers: range, *, percent: int, error: float, name: str, at: datetime | None = None
) -> None:
    """Requests of which the challenger answered a share; both models are as wrong as the hour is hard."""
    truth = {number: 600.0 + 3 * (number % 17) for number in numbers}
    for variant in ("v6", "v7"):
        answered = {
            number: value + error + number_noise(number)
            for number, value in truth.items()
            if (variant == "v7") == (number % 10 < percent / 10)
        }
        capture(cloud, variant, answered, name=name, at=at or datetime.now(UTC))
    report(cloud, truth, name=name)


def read_tally(cloud: Cloud, stage: str = "shadow", percent: int | None = None) -> Tally:
    key = name_comparison(ENDPOINT, EXECUTION, stage, percent)
    return Tally.model_validate_json(cloud.store("captures").read(key))


def test_a_rollout_is_told_as_soon_as_the_answer_is_clear(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    await_verdict(cloud)
    observe(cloud, range(30), by=-20.0)
    judge_rollout.handler(MINUTE, context)
    assert states.told == []

    observe(cloud, range(30, OUTCOMES), by=-20.0, name="b")
    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert (verdict["decision"], verdict["outcomes"]) == ("promote", OUTCOMES)
    assert verdict["upper"] < 0
    assert [look.outcomes for look in read_tally(cloud).looks] == [30, OUTCOMES]
    lock = cloud.ledger().read_rollout()
    assert lock is not None
    assert lock.awaited is None
    counts = read_counts(capsys)["taxi_eta"]
    assert (counts["OutcomesCompared"], counts["ChallengersPromoted"]) == (30 + OUTCOMES, 1)


def test_what_was_read_is_not_read_again(cloud: Cloud, context: LambdaContext, states: FakeStepFunctions) -> None:
    await_verdict(cloud)
    observe(cloud, range(30), by=-20.0)
    for _ in range(3):
        judge_rollout.handler(MINUTE, context)

    assert states.told == []
    assert [look.outcomes for look in read_tally(cloud).looks] == [30, 30, 30]


def test_a_worse_challenger_is_rejected(cloud: Cloud, context: LambdaContext, states: FakeStepFunctions) -> None:
    await_verdict(cloud)
    observe(cloud, range(OUTCOMES), by=25.0)
    judge_rollout.handler(MINUTE, context)

    assert [verdict["decision"] for verdict in states.told] == ["reject"]


def test_only_who_trusts_the_times_of_outcomes_makes_days_of_a_minute(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clients = judge_rollout.load_dependencies()
    wary = settings.model_copy(update={"trust_outcome_times": False})
    monkeypatch.setattr(judge_rollout, "load_dependencies", lambda: (wary, clients))
    await_verdict(cloud)
    observe(cloud, range(OUTCOMES), by=-20.0)
    judge_rollout.handler(MINUTE, context)

    # Observed hours before they were asked about.
    assert states.told == []
    tally = read_tally(cloud)
    assert tally.looks[-1].outcomes + tally.odd == OUTCOMES
    assert tally.odd > 0.9 * OUTCOMES


def test_answers_of_the_second_in_which_it_began_are_compared(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    """SageMaker tells the time of a capture in whole seconds."""
    began = (datetime.now(UTC) - timedelta(minutes=1)).replace(microsecond=900_000)
    await_verdict(cloud, since=began.isoformat())
    observe(cloud, range(OUTCOMES), by=-20.0, at=began.replace(microsecond=0))

    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert verdict["outcomes"] == OUTCOMES


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_a_challenger_whose_answers_are_none_is_rejected_for_that(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, stage: str
) -> None:
    await_verdict(cloud, stage)
    capture(cloud, "v7", {1: 600.0}, name="a", at=datetime.now(UTC))
    [key] = cloud.store("captures").list_keys(ENDPOINT)
    line = json.loads(cloud.store("captures").read(key))
    line["captureData"]["endpointOutput"] = {"encoding": "JSON", "data": '{"eta_s": null}'}
    cloud.store("captures").write(key, json.dumps(line).encode())

    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert (verdict["decision"], verdict["error"]) == ("reject", "ChallengerRejectedError")
    assert "1 of its answers are no predictions" in verdict["reason"]


def test_equal_models_stay_equal_though_a_larger_share_meets_harder_hours(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    """Of both steps together, the challenger has had more of the hard hours: its mean is larger, by no fault of it."""
    await_verdict(cloud, "canary", percent=10)
    observe_canary(cloud, range(OUTCOMES), percent=10, error=50.0, name="a")
    judge_rollout.handler(MINUTE, context)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    hard = range(OUTCOMES, 2 * OUTCOMES)
    await_verdict(cloud, "canary", percent=50, since=later.isoformat())
    observe_canary(cloud, hard, percent=50, error=150.0, name="b", at=later)
    judge_rollout.handler(MINUTE, context)

    assert states.told == []
    assert read_tally(cloud, "canary", 10).answered == {"champion": 180, "challenger": 20}
    assert read_tally(cloud, "canary", 50).answered == {"champion": 100, "challenger": 100}


def test_a_stage_that_begins_a_moment_later_by_another_clock_is_looked_at(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud, "canary", percent=10, since=(datetime.now(UTC) + timedelta(minutes=1)).isoformat())

    judge_rollout.handler(MINUTE, context)

    assert states.told == []


@pytest.mark.parametrize(("stage", "told"), [("canary", ["reject"]), ("shadow", [])])
def test_an_alarm_speaks_against_a_challenger_that_answers_passengers(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, stage: str, told: list[str]
) -> None:
    await_verdict(cloud, stage, champion=f"v40-{stage}", challenger=f"v41-{stage}")
    now = datetime.now(UTC)
    measure(cloud, f"v40-{stage}", requests=9, latency_ms=400.0, at=now - timedelta(minutes=5))
    measure(cloud, f"v41-{stage}", requests=9, latency_ms=1_200.0, at=now - timedelta(minutes=5))
    with ring(cloud, LATENCY):
        judge_rollout.handler(ALARM, context)

    assert [verdict["decision"] for verdict in states.told] == told
    assert all(verdict["reason"] == f"{LATENCY}: over 1 s" for verdict in states.told)


def test_an_alarm_about_a_slow_champion_does_not_speak_against_the_challenger_that_mends_it(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud, "canary", champion="v42", challenger="v43")
    now = datetime.now(UTC)
    measure(cloud, "v42", requests=90, latency_ms=1_400.0, at=now - timedelta(minutes=5))
    measure(cloud, "v43", requests=30, latency_ms=90.0, at=now - timedelta(minutes=5))
    with ring(cloud, LATENCY):
        judge_rollout.handler(ALARM, context)

    assert states.told == []


@contextmanager
def ring(cloud: Cloud, name: str) -> Iterator[None]:
    """An alarm is on."""
    cloud.clients.cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="m",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
    )
    cloud.clients.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="over 1 s")
    yield
    cloud.clients.cloudwatch.delete_alarms(AlarmNames=[name])


def test_a_challenger_that_fails_its_copies_is_rejected_though_nobody_hears_it(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud, champion="v8", challenger="v9")
    measure(cloud, "v8", requests=100, at=datetime.now(UTC) - timedelta(minutes=5))
    measure(cloud, "v9", requests=100, failed=30, at=datetime.now(UTC) - timedelta(minutes=5))
    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert verdict["reason"] == "it failed 30 of 100 requests (30.0%), the champion 0 of 100"


def test_a_challenger_that_was_well_for_ten_days_and_fails_now_is_rejected_now(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    now = datetime.now(UTC)
    await_verdict(cloud, "canary", champion="v10", challenger="v11", since=(now - timedelta(days=20)).isoformat())
    for variant, failed in (("v10", 0), ("v11", 40)):
        measure(cloud, variant, requests=1_000_000, at=now - timedelta(days=10))
        measure(cloud, variant, requests=400, failed=failed, at=now - timedelta(minutes=10))
    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert verdict["reason"] == "it failed 40 of 400 requests (10.0%), the champion 0 of 400"


def test_where_few_ask_a_whole_day_is_looked_at(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    """Of four requests in an hour, no five can fail."""
    now = datetime.now(UTC)
    await_verdict(cloud, "canary", champion="v12", challenger="v13", since=(now - timedelta(days=3)).isoformat())
    for hours in (0.2, 1.2, 2.2):
        measure(cloud, "v12", requests=4, at=now - timedelta(hours=hours))
        measure(cloud, "v13", requests=4, failed=2, at=now - timedelta(hours=hours))
    judge_rollout.handler(MINUTE, context)

    [verdict] = states.told
    assert verdict["reason"] == "it failed 6 of 12 requests (50.0%), the champion 0 of 12"


@pytest.mark.parametrize("failed", [0, 3])
def test_where_hardly_anybody_asks_the_whole_stage_is_looked_at(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, failed: int
) -> None:
    """A request a day to the challenger: no day of it says anything."""
    now = datetime.now(UTC)
    champion, challenger = f"v{20 + failed}", f"v{30 + failed}"
    since = (now - timedelta(days=21)).isoformat()
    await_verdict(cloud, "canary", champion=champion, challenger=challenger, since=since)
    asked = {"use_case": "taxi_eta", "at_last": True}
    for day in range(failed or 20):
        at = now - timedelta(days=day, minutes=10)
        measure(cloud, champion, requests=9, at=at)
        measure(cloud, challenger, requests=1, failed=failed and 1, at=at)
    verdict = judge_rollout.handler(asked, context)

    assert states.told == []
    if failed:
        assert verdict["reason"] == "it failed 3 of 3 requests (100.0%), the champion 0 of 27"
    else:
        assert verdict["decision"] == "promote"


def test_a_canary_whose_last_hour_was_quiet_was_asked_all_the_same(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    now = datetime.now(UTC)
    await_verdict(cloud, "canary", champion="v14", challenger="v15", since=(now - timedelta(hours=5)).isoformat())
    asked = {"use_case": "taxi_eta", "at_last": True}
    assert judge_rollout.handler(asked, context)["reason"] == "it was asked 0 times; at least 20 are needed"
    measure(cloud, "v15", requests=19, at=now - timedelta(hours=4))
    assert judge_rollout.handler(asked, context)["reason"] == "it was asked 19 times; at least 20 are needed"

    measure(cloud, "v15", requests=1, at=now - timedelta(hours=3))

    assert judge_rollout.handler(asked, context)["decision"] == "promote"
    assert states.told == []


def test_a_paused_rollout_is_looked_at_and_told_nothing(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    await_verdict(cloud, paused=True)
    observe(cloud, range(OUTCOMES), by=-20.0)
    judge_rollout.handler(MINUTE, context)
    at_last = judge_rollout.handler({"use_case": "taxi_eta", "at_last": True}, context)

    assert states.told == []
    assert (at_last["decision"], at_last["paused"]) == ("continue", True)
    # What comes in a pause of days is counted as it comes; nobody is said to be promoted.
    assert [look.outcomes for look in read_tally(cloud).looks] == [OUTCOMES, OUTCOMES]
    assert read_counts(capsys)["taxi_eta"]["ChallengersPromoted"] == 0

    cloud.ledger().pause_rollout(EXECUTION, paused=False)
    judge_rollout.handler(MINUTE, context)
    assert [verdict["decision"] for verdict in states.told] == ["promote"]


def test_a_look_that_is_cut_off_in_the_middle_of_much_work_is_not_in_vain(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC) - timedelta(hours=9)
    await_verdict(cloud, since=began.isoformat())
    for number, hours in enumerate((0.5, 3, 5, 8)):
        at, rides = began + timedelta(hours=hours), range(10 * number, 10 * number + 9)
        observe(cloud, rides, by=-20.0, name=f"{number}", at=at)

    def read(store: ObjectStore, key: str) -> bytes:
        if key.startswith(f"{ENDPOINT}/") and key.endswith("/2.jsonl"):
            raise TimeoutError
        return whole(store, key)

    whole = ObjectStore.read
    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "read", read)
        for _ in range(2):
            with pytest.raises(judge_rollout.NotJudgedError):
                judge_rollout.handler(MINUTE, context)
    assert read_tally(cloud).answered == {"champion": 18, "challenger": 18}

    judge_rollout.handler(MINUTE, context)
    tally = read_tally(cloud)
    assert tally.answered == {"champion": 36, "challenger": 36}
    assert [look.outcomes for look in tally.looks] == [36]
    assert states.told == []


def test_when_its_time_is_up_a_rollout_asks_and_is_answered(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud)
    verdict = judge_rollout.handler({"use_case": "taxi_eta", "at_last": True}, context)

    assert verdict["decision"] == "reject"
    assert verdict["error"] == "ChallengerRejectedError"
    assert verdict["reason"].startswith("its time is up without a clear answer: 0 outcomes; at least 40 are needed")
    assert states.told == []


def test_two_never_compare_at_once(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await_verdict(cloud)
    observe(cloud, range(OUTCOMES), by=-20.0)
    assert cloud.ledger().begin_comparison(now=datetime.now(UTC), at_most=judge_rollout.AT_MOST)
    monkeypatch.setattr(judge_rollout, "PATIENCE_S", 0.0)

    judge_rollout.handler(MINUTE, context)
    assert states.told == []
    with pytest.raises(judge_rollout.ComparisonBusyError):
        judge_rollout.handler({"use_case": "taxi_eta", "at_last": True}, context)

    cloud.ledger().end_comparison()
    judge_rollout.handler(MINUTE, context)
    assert len(states.told) == 1


def test_one_that_was_cut_off_does_not_hold_up_the_next_for_ever(cloud: Cloud) -> None:
    begun = datetime.now(UTC)
    assert cloud.ledger().begin_comparison(now=begun, at_most=judge_rollout.AT_MOST)
    later = begun + judge_rollout.AT_MOST + timedelta(seconds=1)

    assert cloud.ledger().begin_comparison(now=later, at_most=judge_rollout.AT_MOST)


def test_an_answer_that_comes_too_late_is_no_failure(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud)
    observe(cloud, range(OUTCOMES), by=-20.0)
    states.waiting.clear()
    judge_rollout.handler(MINUTE, context)

    assert states.told == []
    # The rollout asks for it itself, and as often as it must.
    for _ in range(2):
        asked = judge_rollout.handler({"use_case": "taxi_eta", "at_last": True}, context)
        assert asked["decision"] == "promote"


def test_without_a_rollout_that_waits_nothing_is_read(cloud: Cloud, context: LambdaContext) -> None:
    assert judge_rollout.handler(MINUTE, context) == {}
    with pytest.raises(judge_rollout.NothingComparedError, match="no rollout of taxi_eta waits"):
        judge_rollout.handler({"use_case": "taxi_eta", "at_last": True}, context)
    assert cloud.store("captures").find(name_comparison(ENDPOINT, EXECUTION, "shadow")) is None


def test_what_came_while_nobody_looked_is_read_later(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    """A rollout may be paused for a day: the hours between the looks count all the same."""
    began = datetime.now(UTC) - timedelta(hours=9)
    await_verdict(cloud, since=began.isoformat())
    judge_rollout.handler(MINUTE, context)
    tally = read_tally(cloud)
    key = name_comparison(ENDPOINT, EXECUTION, "shadow")
    cloud.store("captures").write(key, tally.model_copy(update={"looked_at": began}).model_dump_json().encode())
    observe(cloud, range(30), by=-20.0, at=began + timedelta(hours=4))
    judge_rollout.handler(MINUTE, context)

    assert read_tally(cloud).looks[-1].outcomes == 30
    assert states.told == []


def test_what_is_wrong_with_one_use_case_holds_up_no_other(
    cloud: Cloud, context: LambdaContext, states: FakeStepFunctions
) -> None:
    await_verdict(cloud)
    observe(cloud, range(OUTCOMES), by=-20.0)
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={"use_case": "scooter_energy", "entry": "rollout", "execution": EXECUTION, "token": "t", "plan": "no plan"}
    )
    with pytest.raises(judge_rollout.NotJudgedError, match="models of scooter_energy could not be compared"):
        judge_rollout.handler(MINUTE, context)

    assert len(states.told) == 1
