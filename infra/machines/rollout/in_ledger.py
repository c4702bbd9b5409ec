"""The same rollout where functions answer: what SageMaker would be asked is written into the ledger by a function.

States, their names and their order stay as they are; so do the parameters, but for those that instances alone need.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra.machines.states import CROWDED, TRANSIENT, State

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_SAGEMAKER = re.compile(r"arn:aws:states:::(?:aws-sdk:)?sagemaker:(?P<action>\w+)")
_OF_THE_REGISTRY = {"describeModelPackage"}
"""Models are approved in SageMaker's registry, wherever they answer."""
_OF_INSTANCES = {
    "CaptureContentTypeHeader",
    "CaptureOptions",
    "DestinationS3Uri",
    "EnableNetworkIsolation",
    "ExecutionRoleArn",
    "InitialInstanceCount",
    "InstanceType",
    "KmsKeyId",
}
_ERRORS = {"SageMaker.SageMakerException": "EndpointMissingError"}
"""SageMaker's general one is looked at for its words; the function has one of its own for what is not there."""


def keep_in_ledger(states: Mapping[str, State], function_arn: str) -> dict[str, State]:
    """States that call a function instead of SageMaker.

    Args:
        states: of a rollout.
        function_arn: `change_endpoints`.
    """
    return {name: _turn(state, function_arn) for name, state in states.items()}


def _turn(state: State, function_arn: str) -> State:
    found = _OF_SAGEMAKER.fullmatch(state.get("Resource", ""))
    if found is None or found["action"] in _OF_THE_REGISTRY:
        return state
    payload = {
        "use_case.$": "$.use_case",
        "action": found["action"],
        "parameters": _leave_out_instances(state["Parameters"]),
    }
    turned = {
        **state,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function_arn, "Payload": payload},
        "Retry": [TRANSIENT, CROWDED],
    }
    if "ResultSelector" in state:
        turned["ResultSelector"] = {
            name: path.replace("$", "$.Payload", 1) for name, path in state["ResultSelector"].items()
        }
    if "Catch" in state:
        turned["Catch"] = [
            {**catch, "ErrorEquals": [_ERRORS.get(error, error) for error in catch["ErrorEquals"]]}
            for catch in state["Catch"]
        ]
    return turned


def _leave_out_instances(given: Any) -> Any:
    match given:
        case dict():
            return {
                name: _leave_out_instances(value)
                for name, value in given.items()
                if name.removesuffix(".$") not in _OF_INSTANCES
            }
        case list():
            return [_leave_out_instances(value) for value in given]
        case _:
            return given
