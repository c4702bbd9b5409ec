"""Deployment guardrails: how traffic is shifted, what calls it back, and what SageMaker would refuse."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.sagemaker.conftest import variant_of
from laptop_cloud.sagemaker.deployments import RollBackError, Watch
from laptop_cloud.sagemaker.errors import ValidationError
from laptop_cloud.sagemaker.guardrails import Guardrails
from laptop_cloud.sagemaker.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}


def policy(
    kind: str, *, wait_s: int = 0, termination_s: int = 0, alarms: tuple[str, ...] = (), **routing: Any
) -> dict[str, Any]:
    """A `DeploymentConfig`."""
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait_s, **routing},
            "TerminationWaitInSeconds": termination_s,
        }
    }
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


def rolling(percent: int, **more: Any) -> dict[str, Any]:
    """A `DeploymentConfig` of the other kind."""
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 20, **more}}


def configuration(count: int, *names: str, instance: str = "ml.c7i.large") -> dict[str, Any]:
    names = names or ("AllTraffic",)
    return {
        "ProductionVariants": [
            {"VariantName": name, "InitialInstanceCount": count, "InstanceType": instance} for name in names
        ]
    }


# --- the stages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "instances", "active"),
    [
        (policy("ALL_AT_ONCE"), 3, [3]),
        (policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}), 3, [1, 3]),
        (policy("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 30}), 10, [3, 10]),
        (policy("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 20}), 10, [2, 4, 6, 8, 10]),
        (policy("LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 2}), 5, [2, 4, 5]),
        # Whole instances take traffic: a fifth of three is one.
        (policy("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 20}), 3, [1, 2, 3]),
        (rolling(50), 4, [2, 4]),
        (rolling(5), 3, [1, 2, 3]),
        ({}, 2, [2]),
    ],
)
def test_stages_activate_whole_instances_up_to_all(config: Any, instances: int, active: list[int]) -> None:
    stages = Guardrails.of("UpdateEndpoint", config).stages({"AllTraffic": instances})

    assert [stage.active["AllTraffic"] for stage in stages] == active


def test_each_step_bakes_for_its_wait_and_the_last_until_the_old_fleet_goes() -> None:
    config = policy("LINEAR", wait_s=60, termination_s=600, LinearStepSize=HALF)

    stages = Guardrails.of("UpdateEndpoint", config).stages({"AllTraffic": 2})

    assert [stage.baking("AllTraffic") for stage in stages] == [
        "Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on linear step capacity of 1 instance(s).",
        "Baking for 600 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 2 instance(s).",
    ]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "old", "new", "message"),
    [
        (policy("CANARY"), None, None, "CanarySize is required"),
        (policy("LINEAR"), None, None, "LinearStepSize is required"),
        (policy("LINEAR", LinearStepSize=HALF, CanarySize=HALF), None, None, "CanarySize does not go with .* LINEAR"),
        (
            {**policy("ALL_AT_ONCE"), "RollingUpdatePolicy": {"WaitIntervalInSeconds": 0}},
            None,
            None,
            "Only one update policy",
        ),
        (policy("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 51}), None, None, "or equal to 50%"),
        (policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 3}), None, None, "AllTraffic has 4"),
        (policy("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 9}), None, None, "must be 10-50%"),
        (policy("CANARY", CanarySize=HALF), None, configuration(1), "variant AllTraffic has 1"),
        (
            policy("ALL_AT_ONCE"),
            None,
            configuration(1, "other"),
            "same variant names as the old: AllTraffic, not other",
        ),
        (policy("ALL_AT_ONCE"), None, configuration(1, instance="ml.inf1.xlarge"), "do not support ml.inf1.xlarge"),
        (policy("ALL_AT_ONCE"), configuration(1, instance="ml.inf1.xlarge"), None, "do not support ml.inf1.xlarge"),
    ],
)
def test_what_sagemaker_excludes_is_refused(config: Any, old: Any, new: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Guardrails.of("UpdateEndpoint", config).check(old or configuration(4), new or configuration(4))


def test_a_deployment_must_have_time_for_its_waits() -> None:
    config = policy("CANARY", wait_s=300, termination_s=300, CanarySize=HALF)
    limited = {**config["BlueGreenUpdatePolicy"], "MaximumExecutionTimeoutInSeconds": 600}

    with pytest.raises(ValidationError, match="larger than the total waiting time, 600 seconds"):
        Guardrails.of("UpdateEndpoint", {"BlueGreenUpdatePolicy": limited}).check(configuration(2), configuration(2))


def test_a_wait_counts_in_full_towards_the_time_of_a_deployment() -> None:
    watch = Watch(Scope("123456789012", "eu-central-1"), Guardrails(timeout_s=600), scale=0.0001)
    watch.bake(595)

    with pytest.raises(RollBackError, match=r"exceeded MaximumExecutionTimeoutInSeconds \(600 seconds\)"):
        watch.bake(10)


# --- deployments -----------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet_of(sagemaker: Any, config: Any, name: str) -> Callable[..., str]:
    """`fleet_of("new", 2)`: an endpoint configuration with as many instances of a new model; its name."""

    def make(model: str, count: int = 2, **content: Any) -> str:
        variant = variant_of(config(model, **content), InitialInstanceCount=count)
        sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-{model}-f", ProductionVariants=[variant])
        return f"{name}-{model}-f"

    return make


@pytest.fixture
def guarded(sagemaker: Any, fleet_of: Any, settled: Any, name: str) -> Iterator[str]:
    """An endpoint of two instances of model `old`."""
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=fleet_of("old"))
    assert settled(name)["EndpointStatus"] == "InService"
    yield name
    settled(name)
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def alarm(client: Any, name: str) -> Iterator[Callable[..., str]]:
    """`alarm(config_name)`: an alarm on requests of a configuration's fleet that fail; its name."""
    cloudwatch = client("cloudwatch")

    def make(config_name: str) -> str:
        dimensions = {"EndpointName": name, "VariantName": "AllTraffic", "EndpointConfigName": config_name}
        cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-errors",
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            # A state that is set by hand stays while nobody asks the fleet: an evaluation would take it back.
            TreatMissingData="ignore",
        )
        return f"{name}-errors"

    yield make
    cloudwatch.delete_alarms(AlarmNames=[f"{name}-errors"])


@pytest.fixture
def baking(sagemaker: Any, eventually: Any) -> Callable[[str, str], dict[str, Any]]:
    """`baking(endpoint, "canary")`: the pending variant once that portion of it bakes."""

    def wait(endpoint: str, portion: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            pending = sagemaker.describe_endpoint(EndpointName=endpoint).get("PendingDeploymentSummary", {})
            for variant in pending.get("ProductionVariants", []):
                (status,) = variant["VariantStatus"]
                if status["Status"] == "Baking" and portion in status["StatusMessage"]:
                    return dict(variant)
            return None

        found: dict[str, Any] = eventually(look, 30)
        return found

    return wait


@pytest.fixture
def trip(client: Any, baking: Any) -> Callable[[str, str, str], None]:
    """`trip(alarm_name, endpoint, "canary")`: put an alarm into ALARM by hand once that portion bakes."""

    def set_state(alarm_name: str, endpoint: str, portion: str) -> None:
        baking(endpoint, portion)
        client("cloudwatch").set_alarm_state(AlarmName=alarm_name, StateValue="ALARM", StateReason="by hand")

    return set_state


def test_a_canary_gets_its_share_and_then_the_new_fleet_gets_all(
    sagemaker: Any, guarded: str, fleet_of: Any, baking: Any, settled: Any, ask: Any
) -> None:
    new = fleet_of("new")
    given = policy("CANARY", wait_s=80, termination_s=20, CanarySize=HALF)

    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=new, DeploymentConfig=given)
    canary = baking(guarded, "canary")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(guarded), range(200)))
    in_between = sagemaker.describe_endpoint(EndpointName=guarded)
    baking(guarded, "full capacity of 2 instance(s)")
    final = {ask(guarded)["model"] for _ in range(20)}
    described = settled(guarded)

    assert (canary["CurrentInstanceCount"], canary["DesiredInstanceCount"]) == (1, 2)
    assert in_between["EndpointStatus"] == "Updating"
    assert in_between["EndpointConfigName"] == f"{guarded}-old-f"
    # Four standard deviations of a draw of 200 by one half.
    assert 72 <= Counter(answer["model"] for answer in answers)["new"] <= 128
    assert len({answer["pid"] for answer in answers if answer["model"] == "new"}) == 1, "one instance is the canary"
    assert final == {"new"}
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert described["LastDeploymentConfig"] == given
    assert "PendingDeploymentSummary" not in described
    assert "FailureReason" not in described


def test_a_new_fleet_that_fails_is_rolled_back_by_its_alarm(
    sagemaker: Any, guarded: str, fleet_of: Any, alarm: Any, settled: Any, ask: Any, watch: Any
) -> None:
    bad = fleet_of("bad", status=500)
    errors = alarm(bad)
    events = watch({"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]})
    over = threading.Event()

    def call_until_over() -> None:
        while not over.is_set():
            with suppress(ClientError):
                ask(guarded)
            time.sleep(0.02)

    given = policy("LINEAR", wait_s=200, LinearStepSize=HALF, alarms=(errors,))
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(call_until_over)
        sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=bad, DeploymentConfig=given)
        described = settled(guarded)
        over.set()
        calling.result()

    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", f"{guarded}-old-f")
    assert errors in described["FailureReason"]
    assert "PendingDeploymentSummary" not in described
    assert {ask(guarded)["model"] for _ in range(20)} == {"old"}
    seen = []
    while "IN_SERVICE" not in seen:
        detail = events.receive_json()["detail"]
        seen += [detail["EndpointStatus"]] if detail["EndpointName"] == guarded else []
    assert sorted(seen) == ["IN_SERVICE", "ROLLING_BACK", "UPDATING"]


def test_an_alarm_on_the_final_bake_calls_everything_back(
    sagemaker: Any, guarded: str, fleet_of: Any, alarm: Any, settled: Any, trip: Any
) -> None:
    new = fleet_of("new")
    errors = alarm(new)
    given = policy("ALL_AT_ONCE", termination_s=400, alarms=(errors,))

    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=new, DeploymentConfig=given)
    trip(errors, guarded, "full")
    described = settled(guarded)

    assert described["EndpointConfigName"] == f"{guarded}-old-f"
    assert errors in described["FailureReason"]


def test_a_rolling_update_replaces_instances_batch_by_batch(
    sagemaker: Any, guarded: str, fleet_of: Any, baking: Any, settled: Any, ask: Any, is_running: Any
) -> None:
    before = servers_of(ask, guarded)
    new = fleet_of("new")

    given = rolling(50, WaitIntervalInSeconds=80)
    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=new, DeploymentConfig=given)
    baking(guarded, "batch capacity of 1 instance(s)")
    first = servers_of(ask, guarded)
    baking(guarded, "full capacity of 2 instance(s)")
    old_ones_left = [pid for pid in before if is_running(pid)]
    described = settled(guarded)

    assert len(before) == 2
    assert (len(first - before), len(first & before)) == (1, 2), "the old ones stay until the new one has been watched"
    assert len(old_ones_left) == 1
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert len(servers_of(ask, guarded) - before) == 2


def test_a_rolling_update_that_is_called_back_makes_the_old_fleet_whole(
    sagemaker: Any, guarded: str, fleet_of: Any, alarm: Any, settled: Any, trip: Any, ask: Any
) -> None:
    new = fleet_of("new")
    errors = alarm(new)
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": errors}]}}
    given = {**rolling(50, WaitIntervalInSeconds=100), **watched}

    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=new, DeploymentConfig=given)
    # By then one of the old instances is gone.
    trip(errors, guarded, "full")
    described = settled(guarded)

    assert described["EndpointConfigName"] == f"{guarded}-old-f"
    assert errors in described["FailureReason"]
    assert {ask(guarded)["model"] for _ in range(20)} == {"old"}
    assert len(servers_of(ask, guarded)) == 2


def servers_of(ask: Any, endpoint: str) -> set[int]:
    """The processes that answer."""
    with ThreadPoolExecutor(16) as pool:
        return {answer["pid"] for answer in pool.map(lambda _: ask(endpoint, sleep_s=0.1), range(32))}


def test_a_deployment_tells_of_its_stages(
    sagemaker: Any, guarded: str, fleet_of: Any, settled: Any, watch: Any
) -> None:
    events = watch(
        {
            "detail-type": ["SageMaker Endpoint Deployment State Change"],
            "detail": {
                "EndpointName": [guarded],
                "PendingDeploymentSummary": {"EndpointConfigName": [{"exists": True}]},
            },
        }
    )

    given = policy("CANARY", wait_s=20, CanarySize=HALF)
    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=fleet_of("new"), DeploymentConfig=given)
    settled(guarded)
    details = [events.receive_json()["detail"] for _ in range(5)]

    stages = Counter(
        detail["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] for detail in details
    )
    assert stages == {"Creating": 1, "ActivatingTraffic": 2, "Baking": 2}
    assert {detail["EndpointStatus"] for detail in details} == {"UPDATING"}


def test_the_last_guardrails_can_be_used_again(
    sagemaker: Any, guarded: str, fleet_of: Any, baking: Any, settled: Any
) -> None:
    given = policy("CANARY", wait_s=20, CanarySize=HALF)
    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=fleet_of("new"), DeploymentConfig=given)
    settled(guarded)

    newer = fleet_of("newer")
    sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=newer, RetainDeploymentConfig=True)

    assert baking(guarded, "canary")["CurrentInstanceCount"] == 1
    assert settled(guarded)["EndpointConfigName"] == newer


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (policy("ALL_AT_ONCE", alarms=("nobody",)), "ValidationException", "Could not find CloudWatch alarms: nobody"),
        (policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 2}), "ValidationException", "CanarySize must"),
        (
            rolling(50, RollbackMaximumBatchSize={"Type": "CAPACITY_PERCENT", "Value": 50}),
            "UnsupportedOperation",
            "RollbackMaximumBatchSize of sagemaker:UpdateEndpoint",
        ),
    ],
)
def test_a_refused_deployment_changes_nothing(
    sagemaker: Any, guarded: str, fleet_of: Any, asked: Any, code: str, message: str
) -> None:
    new = fleet_of("new")

    with pytest.raises(ClientError, match=message) as refusal:
        sagemaker.update_endpoint(EndpointName=guarded, EndpointConfigName=new, DeploymentConfig=asked)

    assert refusal.value.response["Error"]["Code"] == code
    described = sagemaker.describe_endpoint(EndpointName=guarded)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", f"{guarded}-old-f")


# --- what variants keep ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("excluded", "weight", "instances"),
    [([], 3.0, 1), (["DesiredWeight"], 1.0, 1), (["DesiredInstanceCount", "DataCaptureConfig"], 3.0, 2)],
)
def test_variants_keep_what_they_have_unless_it_is_excluded(
    sagemaker: Any, fleet_of: Any, guarded: str, settled: Any, excluded: list[str], weight: float, instances: int
) -> None:
    for change in ({"DesiredWeight": 3.0}, {"DesiredInstanceCount": 1}):
        desired = [{"VariantName": "AllTraffic", **change}]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=guarded, DesiredWeightsAndCapacities=desired)
        settled(guarded)

    sagemaker.update_endpoint(
        EndpointName=guarded,
        EndpointConfigName=fleet_of("new"),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": one} for one in excluded],
    )
    (variant,) = settled(guarded)["ProductionVariants"]

    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (weight, instances)
    assert (variant["DesiredWeight"], variant["DesiredInstanceCount"]) == (weight, instances)
