"""Whatever goes wrong is told to the operators, at once and in words that say what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from noriba.records.metrics import FINDINGS, TRAINING_LIMIT_REACHED

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly, Resource


@pytest.fixture(scope="session")
def alarms(assembly: Assembly) -> list[Resource]:
    """Those that tell the operators; what the monitor finds is told in words, and by an event of its own."""
    return [alarm for alarm in assembly.find("AWS::CloudWatch::Alarm") if alarm.name not in MONITOR]


MONITOR = {f"AlarmsTaxiEta{metric.name}" for metric in FINDINGS.values()}


def watched(alarms: list[Resource], namespace: str) -> set[tuple[str, str]]:
    """Metric and dimension of the alarms on a namespace."""
    return {
        (alarm.properties["MetricName"], alarm.properties["Dimensions"][0]["Value"])
        for alarm in alarms
        if alarm.properties.get("Namespace") == namespace
    }


def queries(assembly: Assembly) -> set[str]:
    """What the alarms watch that name no single series."""
    alarms = assembly.find("AWS::CloudWatch::Alarm")
    return {metrics[0]["Expression"] for alarm in alarms if (metrics := alarm.properties.get("Metrics"))}


def measure(alarm: Resource) -> tuple[str, str, int]:
    """Metric, statistic and period in seconds: of the series that the alarm names, or of its query."""
    properties = alarm.properties
    if "Metrics" in properties:
        [query] = properties["Metrics"]
        found = re.match(r"SELECT (\w+)\((\w+)\) FROM ", query["Expression"])
        assert found, query
        return found[2], found[1], query["Period"]
    return (
        properties["MetricName"],
        properties.get("Statistic") or properties["ExtendedStatistic"],
        properties["Period"],
    )


def test_every_state_machine_has_an_alarm_for_failure_for_time_and_for_who_stops_it(
    assembly: Assembly, alarms: list[Resource]
) -> None:
    machines = {machine.name for machine in assembly.find("AWS::StepFunctions::StateMachine")}

    assert machines == {
        "IngestMachine",
        "SettleMachine",
        "TrainMachine",
        "RolloutMachine",
        "TidyMachine",
        "MonitorMachine",
    }
    assert watched(alarms, "AWS/States") == {
        (metric, f"<{machine}>")
        for machine in machines
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
    }


def test_every_dead_letter_queue_has_an_alarm(assembly: Assembly, alarms: list[Resource]) -> None:
    assert watched(alarms, "AWS/SQS") == {
        ("ApproximateNumberOfMessagesVisible", f"<{queue.name}.QueueName>")
        for queue in assembly.find("AWS::SQS::Queue")
    }


def test_every_use_case_has_an_alarm_for_the_limit_of_training(customised: Assembly, alarms: list[Resource]) -> None:
    name = TRAINING_LIMIT_REACHED.name
    [other] = [a for a in customised.find("AWS::CloudWatch::Alarm") if a.properties.get("MetricName") == name]
    [ours] = [a for a in alarms if a.properties.get("MetricName") == name]

    assert {item["Name"]: item["Value"] for item in ours.properties["Dimensions"]} == {
        "service": "decide_retraining",
        "use_case": "taxi_eta",
    }
    assert ours.properties["Namespace"] == "noriba"
    # The namespace is the deployment's: two in an account must not answer for each other.
    assert other.properties["Namespace"] == "trial"


def test_the_api_has_an_alarm_for_its_own_faults_under_its_own_name(
    assembly: Assembly, customised: Assembly, alarms: list[Resource]
) -> None:
    apps, operators = (assembly.find("AWS::ApiGateway::RestApi", stack=stack)[0] for stack in ("serving", "operators"))

    # People wait for queries: that operators wait is no fault.
    assert watched(alarms, "AWS/ApiGateway") == {
        ("5XXError", apps.properties["Name"]),
        ("Latency", apps.properties["Name"]),
        ("5XXError", operators.properties["Name"]),
    }
    # The metric knows an API by its name: two deployments in an account must not answer for each other.
    names = [api.properties["Name"] for one in (assembly, customised) for api in one.find("AWS::ApiGateway::RestApi")]
    assert len(set(names)) == len(names) == 4


def test_the_endpoint_of_every_use_case_has_alarms_for_failures_and_slowness_whatever_its_variant_is_called(
    assembly: Assembly, customised: Assembly
) -> None:
    def of(endpoint: str) -> set[str]:
        source = f"FROM SCHEMA(\"AWS/SageMaker\", EndpointName, VariantName) WHERE EndpointName = '{endpoint}'"
        return {f"SELECT SUM(Invocation5XXErrors) {source}", f"SELECT AVG(ModelLatency) {source}"}

    assert queries(assembly) == of("noriba-taxi-eta")
    assert queries(customised) == of("trial-taxi-eta")


# They raise on purpose, for the state machine that called them to deal with: a bad file is no alarm.
REFUSING = {"PlanIngest", "TransformFeatures", "CommitSnapshot", "CheckGoldenRequests"}


def test_every_function_has_an_alarm_for_throttles_and_those_that_never_raise_on_purpose_for_errors(
    assembly: Assembly, alarms: list[Resource]
) -> None:
    functions = {function.name for function in assembly.find("AWS::Lambda::Function")}
    failing = functions - {f"{name}Function" for name in REFUSING}

    assert watched(alarms, "AWS/Lambda") == {
        *(("Throttles", f"<{name}>") for name in functions),
        *(("Errors", f"<{name}>") for name in failing),
    }


def test_every_rule_has_an_alarm_for_what_it_cannot_deliver(assembly: Assembly, alarms: list[Resource]) -> None:
    found = {
        dimensions["RuleName"]: dimensions.get("EventBusName")
        for alarm in alarms
        if alarm.properties.get("Namespace") == "AWS/Events"
        for dimensions in [{one["Name"]: one["Value"] for one in alarm.properties["Dimensions"]}]
    }

    # A rule of another bus than the default one is measured under that bus's name.
    assert found == {
        f"<{rule.name}>": rule.properties.get("EventBusName") for rule in assembly.find("AWS::Events::Rule")
    }


def test_what_waits_too_long_on_its_way_to_s3_is_an_alarm(alarms: list[Resource]) -> None:
    assert watched(alarms, "AWS/Firehose") == {
        ("DeliveryToS3.DataFreshness", f"<{name}Stream>") for name in ("OutcomeArchive", "MetricArchive")
    }


# Levels, each with its own limit and time; all others are counts.
LEVELS = {
    "DeliveryToS3.DataFreshness": (900, 300),
    "Latency": (2000, 300),  # milliseconds
    "ModelLatency": (1_000_000, 300),  # microseconds
}


def test_alarms_go_off_at_the_first_occurrence_and_silence_is_no_alarm(alarms: list[Resource]) -> None:
    for alarm in alarms:
        properties = alarm.properties
        metric, _, period_s = measure(alarm)

        threshold, level_s = LEVELS.get(metric, (1, 60))
        assert properties["Threshold"] == threshold, alarm.name
        assert properties["EvaluationPeriods"] == 1, alarm.name
        # What is counted once an hour is looked at once an hour.
        assert period_s == (3600 if metric == TRAINING_LIMIT_REACHED.name else level_s), alarm.name
        assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", alarm.name
        assert properties["TreatMissingData"] == "notBreaching", alarm.name


def test_counts_are_summed_and_levels_are_not(alarms: list[Resource]) -> None:
    statistics = {metric: statistic for metric, statistic, _ in map(measure, alarms)}

    assert statistics == {
        "ExecutionsFailed": "Sum",
        "ExecutionsTimedOut": "Sum",
        "ExecutionsAborted": "Sum",
        "Throttles": "Sum",
        "Errors": "Sum",
        "FailedInvocations": "Sum",
        "Latency": "p99",
        "DeliveryToS3.DataFreshness": "Maximum",
        "5XXError": "Sum",
        "Invocation5XXErrors": "SUM",
        "ModelLatency": "AVG",
        "TrainingLimitReached": "Sum",
        "ApproximateNumberOfMessagesVisible": "Maximum",
    }


def test_all_alarms_tell_the_operators_what_they_mean(alarms: list[Resource]) -> None:
    for alarm in alarms:
        assert alarm.properties["AlarmActions"] == ["<Operators>"], alarm.name
        assert alarm.properties.get("ActionsEnabled", True), alarm.name
        assert len(alarm.properties["AlarmDescription"]) > 20, alarm.name


def test_what_the_monitor_finds_is_an_alarm_that_stays_until_the_next_look(
    assembly: Assembly, customised: Assembly
) -> None:
    for found, prefix in ((assembly, "noriba"), (customised, "trial")):
        ours = [alarm.properties for alarm in found.find("AWS::CloudWatch::Alarm") if alarm.name in MONITOR]

        assert {alarm["MetricName"] for alarm in ours} == {metric.name for metric in FINDINGS.values()}
        for alarm in ours:
            assert alarm["Namespace"] == prefix
            assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
                "service": "measure_traffic",
                "use_case": "taxi_eta",
            }
            assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (1, 1, 3600)
            assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Maximum", "ignore")
            assert "AlarmActions" not in alarm


def test_one_alarm_says_that_the_world_has_changed_and_not_that_an_app_sends_less(assembly: Assembly) -> None:
    [alarm] = assembly.find("AWS::CloudWatch::CompositeAlarm")

    rule = alarm.properties["AlarmRule"]
    assert re.findall(r"ALARM\(\"<AlarmsTaxiEta(\w+)\.Arn>\"\)", rule) == [
        "AccuracyChanged",
        "CoverageChanged",
        "RequestsChanged",
    ]
    assert " OR " in rule
    assert "AND" not in rule
