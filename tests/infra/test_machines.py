"""What holds for every state machine: it parses, leads somewhere from everywhere, retries, and is seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from noriba.events import NORIBA_EVENTS
from tests.infra.executions import list_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.infra.assembly import Assembly

MACHINES = ("IngestMachine", "SettleMachine", "TrainMachine", "RolloutMachine", "TidyMachine", "MonitorMachine")
ENDS = {"Succeed", "Fail"}
EVENTS = {(event.source, event.detail_type()): event for event in NORIBA_EVENTS}


@pytest.fixture(params=MACHINES)
def machine(assembly: Assembly, request: pytest.FixtureRequest) -> dict[str, Any]:
    return assembly.machine(request.param)


def follow(state: Mapping[str, Any]) -> Iterator[str]:
    """The states that may come after one."""
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for way in (*state.get("Choices", []), *state.get("Catch", [])):
        yield way["Next"]


def reach(states: Mapping[str, Any], start: str) -> set[str]:
    """The states that can be reached from one, itself among them."""
    found, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += follow(states[name])
    return found


def processors(machine: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A machine, and the small ones inside its maps."""
    inner = [state["ItemProcessor"] for state in machine["States"].values() if state["Type"] == "Map"]
    return [machine, *inner]


def test_there_are_exactly_these_machines(assembly: Assembly) -> None:
    assert sorted(m.name for m in assembly.find("AWS::StepFunctions::StateMachine")) == sorted(MACHINES)


def test_it_is_amazon_states_language(machine: dict[str, Any]) -> None:
    AmazonStateLanguageParser.parse(json.dumps(machine))


def test_the_parser_does_refuse_what_is_not(machine: dict[str, Any]) -> None:
    first = machine["States"][machine["StartAt"]]
    broken = {**machine, "States": {**machine["States"], machine["StartAt"]: {**first, "Type": "Guess"}}}

    with pytest.raises(ASLParserException):
        AmazonStateLanguageParser.parse(json.dumps(broken))


def test_every_state_that_is_named_exists(machine: dict[str, Any]) -> None:
    for processor in processors(machine):
        named = {name for state in processor["States"].values() for name in follow(state)}

        assert {processor["StartAt"], *named} <= processor["States"].keys()


def test_every_state_can_be_reached(machine: dict[str, Any]) -> None:
    for processor in processors(machine):
        assert reach(processor["States"], processor["StartAt"]) == processor["States"].keys()


def test_from_every_state_an_end_can_be_reached(machine: dict[str, Any]) -> None:
    for processor in processors(machine):
        states = processor["States"]
        ends = {name for name, state in states.items() if state["Type"] in ENDS or state.get("End")}

        assert ends
        for name in states:
            assert reach(states, name) & ends, name


def test_an_execution_ends_in_time(machine: dict[str, Any]) -> None:
    # A shadow may last for two weeks, and the one before it too.
    compares = "Await the verdict on shadow" in machine["States"]
    assert 0 < machine["TimeoutSeconds"] <= (30 * 24 if compares else 49) * 3600


def test_every_task_is_tried_again_after_a_fault_that_passes(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        for retry in state["Retry"]:
            if name == "Query" and retry["ErrorEquals"] == ["States.TaskFailed"]:
                # Because a file that it reads is written over at that moment; or for ever, for a price.
                assert retry["MaxAttempts"] == 1
                continue
            assert retry["MaxAttempts"] > 1, name
            assert not {"States.ALL", "States.TaskFailed"} & set(retry["ErrorEquals"]), name


def test_retries_back_off_and_scatter_but_for_the_lock_s_turn(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        if name != "Take the lock":
            for retry in state["Retry"]:
                assert retry["BackoffRate"] == 2, name
                assert retry["JitterStrategy"] == "FULL", name
            assert "EventBridge.FailedEntry" in state["Retry"][0]["ErrorEquals"], name


def test_a_function_that_has_to_wait_for_its_turn_is_asked_for_a_quarter_of_an_hour(machine: dict[str, Any]) -> None:
    """A new account runs ten at once: a chunk is not refused for being the eleventh."""
    for name, state in list_tasks(machine["States"]):
        if state["Resource"].endswith(":lambda:invoke"):
            [crowded] = [r for r in state["Retry"] if "Lambda.TooManyRequestsException" in r["ErrorEquals"]]
            pauses = [
                min(crowded["IntervalSeconds"] * 2**attempt, crowded["MaxDelaySeconds"])
                for attempt in range(crowded["MaxAttempts"])
            ]
            # Each pause is drawn between nothing and this: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
            assert sum(pauses) / 2 > 15 * 60, name


# What Step Functions calls the faults of the services that are called here: `Ecr.ServerException`.
# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
SERVICES = {
    "lambda": "Lambda",
    "sagemaker": "SageMaker",
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "ecr": "Ecr",
    "sfn": "Sfn",
    "athena": "Athena",
}


def tried_again(state: Mapping[str, Any]) -> set[str]:
    return {name for retry in state["Retry"] for name in retry["ErrorEquals"]}


def name_service(state: Mapping[str, Any]) -> str:
    return SERVICES[state["Resource"].removeprefix("arn:aws:states:::").removeprefix("aws-sdk:").split(":")[0]]


def test_a_lost_connection_is_tried_again_under_the_name_that_step_functions_gives_it(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        assert f"{name_service(state)}.SdkClientException" in tried_again(state), name


OURS = {"ComparisonBusyError", "ModelUnavailableError"}
"""What functions of ours raise to be asked again."""


def test_nothing_is_tried_again_under_a_name_that_step_functions_does_not_give(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        # All but a service's own are the state language's, or nobody's.
        # DynamoDB's general integration spells it otherwise.
        known = {*SERVICES.values(), "DynamoDb", "States", *OURS}
        assert {error.split(".")[0] for error in tried_again(state)} <= known, name


def test_a_function_is_tried_again_after_every_fault_of_lambda_s_own(machine: dict[str, Any]) -> None:
    # https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
    faults = {"ClientExecutionTimeoutException", "ServiceException", "AWSLambdaException", "SdkClientException"}
    for name, state in list_tasks(machine["States"]):
        if state["Resource"].endswith(":lambda:invoke"):
            assert {f"Lambda.{fault}" for fault in faults} <= tried_again(state), name


@pytest.mark.parametrize(
    ("machine_name", "state", "faults"),
    [
        ("TrainMachine", "Look at the image", {"Ecr.ServerException", "Ecr.EcrException"}),
        ("RolloutMachine", "Look at its holder", {"Sfn.SfnException"}),
    ],
)
def test_a_service_that_has_too_much_to_do_is_asked_again(
    assembly: Assembly, machine_name: str, state: str, faults: set[str]
) -> None:
    assert faults <= tried_again(assembly.machine(machine_name)["States"][state])


# Their own states ask again, or clean up what TIDY cleans up too.
ASKED_OTHERWISE = {
    "Is there an endpoint?",
    "Is there a champion?",
    "Is staging still there?",
    "Restore the champion",
    "Delete staging endpoint after failure",
    "Delete staging configuration after failure",
    "Delete model after failure",
}


def test_sagemaker_when_it_is_busy_is_asked_again_under_both_names_that_its_faults_have(
    machine: dict[str, Any],
) -> None:
    for name, state in list_tasks(machine["States"]):
        if ":sagemaker:" in state["Resource"] and name not in ASKED_OTHERWISE:
            assert ["SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException"] in [
                retry["ErrorEquals"] for retry in state["Retry"]
            ], name


def test_a_task_keeps_its_input_and_says_where_its_result_goes(machine: dict[str, Any]) -> None:
    """An absent ResultPath puts the result in the input's place; null, which drops it, must survive synthesis."""
    for name, state in machine["States"].items():
        if state["Type"] in {"Task", "Map"}:
            assert "ResultPath" in state, name
            assert state["ResultPath"] is None or state["ResultPath"].startswith("$."), name


def test_what_services_say_without_being_asked_is_dropped(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        asked = "ReturnValues" in state["Parameters"]
        silent = (":putEvents", ":putItem", ":updateItem", ":deleteItem", ":deleteEndpoint")
        if state["Resource"].endswith(silent) and not asked:
            assert state["ResultPath"] is None, name


def test_a_catch_keeps_the_input_too(machine: dict[str, Any]) -> None:
    for name, state in machine["States"].items():
        for catch in state.get("Catch", []):
            assert catch["ResultPath"] in {None, "$.failure", "$.search"}, name


def test_catching_everything_comes_last(machine: dict[str, Any]) -> None:
    for name, state in machine["States"].items():
        catches = [catch["ErrorEquals"] for catch in state.get("Catch", [])]

        assert ["States.ALL"] not in catches[:-1], name


def test_a_failed_execution_says_what_was_caught(machine: dict[str, Any]) -> None:
    failures = [state for state in machine["States"].values() if state["Type"] == "Fail"]

    for failure in failures:
        assert failure == {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}


def test_jobs_are_waited_for_by_step_functions_itself(machine: dict[str, Any]) -> None:
    for name, state in list_tasks(machine["States"]):
        if "Job" in state["Resource"]:
            assert state["Resource"].endswith(".sync"), name


def test_events_have_their_models_fields_and_go_to_our_bus(machine: dict[str, Any]) -> None:
    publishing = [state for _, state in list_tasks(machine["States"]) if state["Resource"].endswith(":putEvents")]

    # A function of the monitor's tells what it found.
    assert publishing or machine["StartAt"] in {"Tidy", "Plan"}, "only TIDY and MONITOR have nothing to tell"
    for state in publishing:
        [entry] = state["Parameters"]["Entries"]
        event = EVENTS[entry["Source"], entry["DetailType"]]
        assert entry["EventBusName"] == "<Bus>"
        if "Detail" in entry:
            named = {name.removesuffix(".$") for name in entry["Detail"]}
            required = {name for name, field in event.model_fields.items() if field.is_required()}
            assert required <= named <= event.model_fields.keys()
        else:
            assert entry["Detail.$"].startswith("$."), entry  # a function's answer; see the tests of each machine


def test_executions_are_logged_and_traced(assembly: Assembly) -> None:
    for resource in assembly.find("AWS::StepFunctions::StateMachine"):
        logging = resource.properties["LoggingConfiguration"]
        [destination] = logging["Destinations"]
        group = assembly.one("AWS::Logs::LogGroup", f"{resource.name.removesuffix('Machine')}Logs")

        assert resource.properties["TracingConfiguration"] == {"Enabled": True}
        assert logging["Level"] == "ALL"
        assert destination == {"CloudWatchLogsLogGroup": {"LogGroupArn": f"<{group.name}.Arn>"}}
        # Outside this folder, each machine would lengthen a policy that has a limit.
        assert group.properties["LogGroupName"].startswith("/aws/vendedlogs/states/noriba-")
