"""States of a state machine, as Amazon States Language, with the habits that all machines here share.

https://states-language.net/spec.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from aws_cdk import aws_stepfunctions as sfn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.events import Event

State: TypeAlias = dict[str, Any]

DISCARD = sfn.JsonPath.DISCARD
"""`"ResultPath": null`: a task's result is dropped, its input goes on. CDK drops a plain None from what it writes."""

TRANSIENT = {
    "ErrorEquals": [
        # https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "DynamoDB.InternalServerErrorException",
        "DynamoDB.ProvisionedThroughputExceededException",
        "DynamoDB.ThrottlingException",
        "EventBridge.FailedEntry",
        # A connection that was lost, under each service's name.
        # https://github.com/aws-solutions-library-samples/guidance-for-incremental-data-exports-from-amazon-dynamodb-to-amazon-s3/issues/3
        *(
            f"{service}.SdkClientException"
            for service in ("Lambda", "DynamoDB", "EventBridge", "SageMaker", "Ecr", "Sfn", "Athena")
        ),
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
"""Retries for these; errors of our own are never retried, they would only happen again."""

CROWDED = {
    "ErrorEquals": ["Lambda.TooManyRequestsException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 20,
    "BackoffRate": 2,
    "MaxDelaySeconds": 120,
    "JitterStrategy": "FULL",
}
"""Retries while all functions that the account may run at once are busy: ten in a new one.

For a quarter of an hour on average: full jitter halves the pauses that stand here.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

_BUSY = {
    # The general integration, the only one of DynamoDB that waits for an answer.
    ":aws-sdk:dynamodb:": [
        "DynamoDb.InternalServerErrorException",
        "DynamoDb.ProvisionedThroughputExceededException",
        "DynamoDb.ThrottlingException",
        "DynamoDb.SdkClientException",
    ],
    ":sagemaker:": ["SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException"],
    # Too many queries of the account wait or run. https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
    ":athena:": ["Athena.TooManyRequestsException", "Athena.InternalServerException", "Athena.AthenaException"],
    ":ecr:": ["Ecr.ServerException", "Ecr.EcrException"],
    ":sfn:": ["Sfn.SfnException"],
}
"""By part of a resource: the names of whatever a service does not model as an error of its own, a throttle among them.

SageMaker has two, of the optimised integration and of the SDK's.
https://github.com/aws/aws-step-functions-data-science-sdk-python/pull/162
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""


def invoke_function(function_arn: str, payload: State, *, result: str, follow: str, catch: str | None = None) -> State:
    """Call a function; its answer stands under `<result>.answer`.

    Args:
        function_arn: the function.
        payload: its event, as Parameters.
        result: a path such as `$.planned`.
        follow: the next state.
        catch: the state that deals with failure; the error stands under `$.failure` there.
    """
    return call(
        "arn:aws:states:::lambda:invoke",
        {"FunctionName": function_arn, "Payload": payload},
        follow=follow,
        ResultSelector={"answer.$": "$.Payload"},
        ResultPath=result,
        **catch_all(catch),
    )


def call(resource: str, parameters: State, *, follow: str, **fields: Any) -> State:
    """A task on a service; the input goes on unless `ResultPath` says otherwise."""
    return {
        "Type": "Task",
        "Resource": resource,
        "Parameters": parameters,
        "Retry": _choose_retries(resource),
        "ResultPath": DISCARD,
        **fields,
        "Next": follow,
    }


def _choose_retries(resource: str) -> list[State]:
    if ":lambda:" in resource:
        return [TRANSIENT, CROWDED]
    return [TRANSIENT, *(_ask_again(names) for part, names in _BUSY.items() if part in resource)]


def _ask_again(names: list[str]) -> State:
    """Retries when a service is asked too often; what it refuses for good is asked for two minutes in vain."""
    return {"ErrorEquals": names, "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2, "JitterStrategy": "FULL"}


def catch_all(state: str | None) -> State:
    """Send every failure to a state, with `$.failure.Error` and `$.failure.Cause`."""
    if state is None:
        return {}
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": state}]}


def regardless(state: str) -> State:
    """Go on after a failure too, with what was caught before."""
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": DISCARD, "Next": state}]}


def publish(bus_name: str, event: type[Event], detail: Mapping[str, Any] | str, *, follow: str, **fields: Any) -> State:
    """Put an event on the bus.

    Args:
        bus_name: the bus.
        event: its model; the detail must have the model's fields, no more and no less of the required ones.
        detail: a path to a whole detail, or its fields (`name.$` for a path).
        follow: the next state.
        fields: more of the state, such as `Catch`.

    Raises:
        ValueError: the fields are not the event's.
    """
    if isinstance(detail, str):
        content: State = {"Detail.$": detail}
    else:
        named = {name.removesuffix(".$") for name in detail}
        required = {name for name, field in event.model_fields.items() if field.is_required()}
        if named - event.model_fields.keys() or required - named:
            raise ValueError(f"{event.__name__} has the fields {sorted(event.model_fields)}, not {sorted(named)}")
        content = {"Detail": dict(detail)}
    entry = {"EventBusName": bus_name, "Source": event.source, "DetailType": event.detail_type(), **content}
    return call("arn:aws:states:::events:putEvents", {"Entries": [entry]}, follow=follow, **fields)


def put(path: str, fields: State, *, follow: str) -> State:
    """Put fields, which may be paths or intrinsic functions (`name.$`), at a path of the input."""
    return {"Type": "Pass", "Parameters": fields, "ResultPath": path, "Next": follow}


def choose(*choices: tuple[State, str], otherwise: str) -> State:
    """Go on with the first choice whose condition holds."""
    return {"Type": "Choice", "Choices": [{**rule, "Next": state} for rule, state in choices], "Default": otherwise}


def matches(path: str, pattern: str) -> State:
    """A condition: the text at the path matches, `*` being anything."""
    return {"Variable": path, "StringMatches": pattern}


def equals(path: str, value: str) -> State:
    """A condition: the text at the path is this."""
    return {"And": [{"Variable": path, "IsPresent": True}, {"Variable": path, "StringEquals": value}]}


def is_true(path: str) -> State:
    """A condition: the value at the path is true."""
    return {"Variable": path, "BooleanEquals": True}


def present(path: str) -> State:
    """A condition: something other than null stands at the path."""
    return {"And": [{"Variable": path, "IsPresent": True}, {"Variable": path, "IsNull": False}]}


def wait(seconds: int, *, follow: str) -> State:
    """Wait."""
    return {"Type": "Wait", "Seconds": seconds, "Next": follow}


def succeed() -> State:
    """The end, as it should be."""
    return {"Type": "Succeed"}


def fail_as_caught() -> State:
    """The end of a failure: the execution fails with what was caught."""
    return {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}
