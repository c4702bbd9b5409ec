"""Executions of state machines: the real definition, run by moto's interpreter of Amazon States Language.

What services answer is given by the test; nothing outside is called. The interpreter is moto's own module, not its
public face: no public one takes answers.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from moto.stepfunctions.parser.api import HistoryEventType, StateMachineType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.states import ContextObjectData, ExecutionData, StateMachineData
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.mocking.mock_config import (
    MockedResponse,
    MockedResponseReturn,
    MockedResponseThrow,
    MockTestCase,
    StateMockedResponses,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# It logs every error that a machine then catches, with the whole program.
logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)

_FIELD_OF_ITEM = re.compile(r"(?P<array>\$[\w.]*)\[(?P<index>\d+)\]\.(?P<field>\w+)")

ACCOUNT, REGION = "123456789012", "eu-west-1"
EXECUTION_ID = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:machine:execution"

# What a test need not say: services that have nothing to tell.
SILENT = {
    "arn:aws:states:::events:putEvents": {"Entries": [{"EventId": "e"}], "FailedEntryCount": 0},
    "arn:aws:states:::dynamodb:putItem": {},
    "arn:aws:states:::dynamodb:updateItem": {},
    "arn:aws:states:::dynamodb:deleteItem": {},
    "arn:aws:states:::sagemaker:createModel": {},
    "arn:aws:states:::aws-sdk:sagemaker:createEndpointConfig": {},
    "arn:aws:states:::aws-sdk:sagemaker:updateEndpointWeightsAndCapacities": {},
    "arn:aws:states:::aws-sdk:sfn:sendTaskFailure": {},
    "arn:aws:states:::sagemaker:createEndpoint": {},
    "arn:aws:states:::sagemaker:updateEndpoint": {},
    "arn:aws:states:::aws-sdk:sagemaker:deleteEndpoint": {},
    "arn:aws:states:::aws-sdk:sagemaker:deleteEndpointConfig": {},
    "arn:aws:states:::aws-sdk:sagemaker:deleteModel": {},
}


@dataclass(frozen=True)
class Failure:
    """What a service answers when it fails: the error's name as Step Functions knows it, and its message."""

    error: str
    cause: str = "because"


LATE = Failure("ItsTimeIsUp")
"""What happens to a state whose timeout is over."""

Answer: TypeAlias = dict[str, Any] | Failure
# What a service answers to a state: always the same, or one thing after another.
Answers: TypeAlias = Answer | list[Answer]


class _Conversation(list[MockedResponse]):
    """Answers by call; the last one holds for ever.

    moto asks for them by retry, and would tell a state that is entered again the first answer again.
    """

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, _retry: Any) -> Any:
        return self.pop(0) if super().__len__() > 1 else super().__getitem__(0)


@dataclass(frozen=True)
class Execution:
    """An execution that has ended.

    Attributes:
        visited: the states, in order.
        calls: state and parameters of each call to a service, in order.
        output: of an execution that succeeded.
        failure: of one that failed.
    """

    visited: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...]
    output: dict[str, Any] | None
    failure: Failure | None

    def called(self, state: str) -> dict[str, Any]:
        """The parameters of the one call that a state made."""
        [parameters] = [parameters for name, parameters in self.calls if name == state]
        return parameters

    @property
    def published(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Source, detail type and detail of the events put on the bus, in order."""
        return [
            (entry["Source"], entry["DetailType"], entry["Detail"])
            for _state, parameters in self.calls
            for entry in parameters.get("Entries", [])
        ]


def answer_function(payload: object) -> dict[str, Any]:
    """What Lambda answers for a function that returned a value."""
    return {"Payload": payload, "StatusCode": 200}


def run_machine(definition: Mapping[str, Any], given: dict[str, Any], answers: Mapping[str, Answers]) -> Execution:
    """Run a machine to its end; `answers` are what the services say, by state."""
    tasks = dict(list_tasks(definition["States"]))
    assert answers.keys() <= tasks.keys(), f"no such task: {answers.keys() - tasks.keys()}"
    responses = []
    for name, state in tasks.items():
        unasked = Failure("Unasked", f"the test gives no answer for {name}")
        responses.append(_respond(name, answers.get(name, SILENT.get(state["Resource"], unasked))))
    program = _parse(json.dumps(translate(definition)))
    environment = Environment(
        aws_execution_details=AWSExecutionDetails(account=ACCOUNT, region=REGION, role_arn="role"),
        execution_type=StateMachineType.STANDARD,
        context=ContextObjectData(  # type: ignore[typeddict-item]
            Execution=ExecutionData(
                Id=EXECUTION_ID, Input=given, Name="execution", RoleArn="role", StartTime="2026-11-21T10:00:00Z"
            ),
            StateMachine=StateMachineData(Id="machine", Name="machine"),
        ),
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
        mock_test_case=MockTestCase("machine", "test", responses),
    )
    program.eval(environment)
    return _read_history(environment.event_manager.get_event_history())


def list_tasks(states: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All tasks, those inside maps too."""
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        if state["Type"] == "Map":
            yield from list_tasks(state["ItemProcessor"]["States"])


def translate(value: Any) -> Any:
    """A definition that says the same, without waiting, in words that moto's interpreter knows."""
    if isinstance(value, list):
        return [translate(item) for item in value]
    if isinstance(value, dict):
        return {name: translate(item) for name, item in _restate(value).items()}
    # It lets no answer bear a name of the language's own.
    if value == "States.Timeout":
        return LATE.error
    # It answers a list of one where Step Functions answers the one.
    if isinstance(value, str) and (found := _FIELD_OF_ITEM.fullmatch(value)):
        return f"States.ArrayGetItem({found['array']}[*].{found['field']}, {found['index']})"
    return value


def _restate(state: dict[str, Any]) -> dict[str, Any]:
    match state:
        case {"Type": "Wait"}:
            return {**state, "Seconds": 0}
        # It waits for no jobs of SageMaker; they have ended when a test gives their answer. And errors of DynamoDB
        # keep their names through the general integration only.
        case {"Type": "Task", "Resource": str(resource)}:
            known = resource.removesuffix(".sync").replace(":::dynamodb:", ":::aws-sdk:dynamodb:")
            return {**state, "Resource": known}
        # It lets children of a distributed map fail unnoticed.
        case {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}:
            return {**state, "ProcessorConfig": {"Mode": "INLINE"}}
    return state


@lru_cache
def _parse(definition: str) -> Any:
    return AmazonStateLanguageParser.parse(definition)[0]


def _respond(state: str, answers: Answers) -> StateMockedResponses:
    one_by_one = answers if isinstance(answers, list) else [answers]
    told = StateMockedResponses(state, state, [])
    told.mocked_responses = _Conversation(  # type: ignore[misc]
        MockedResponseThrow(0, 0, answer.error, answer.cause)
        if isinstance(answer, Failure)
        else MockedResponseReturn(0, 0, answer)
        for answer in one_by_one
    )
    return told


def _read_history(history: Sequence[Mapping[str, Any]]) -> Execution:
    visited: list[str] = []
    calls = []
    output, failure = None, None
    for event in history:
        match event["type"]:
            case HistoryEventType.TaskScheduled:
                calls.append((visited[-1], json.loads(event["taskScheduledEventDetails"]["parameters"])))
            case HistoryEventType.ExecutionSucceeded:
                output = json.loads(event["executionSucceededEventDetails"]["output"])
            case HistoryEventType.ExecutionFailed:
                details = event["executionFailedEventDetails"]
                failure = Failure(details["error"], details["cause"])
            case _ if "stateEnteredEventDetails" in event:
                visited.append(event["stateEnteredEventDetails"]["name"])
    return Execution(tuple(visited), tuple(calls), output, failure)
