"""Looking for an endpoint that may not be there, without taking a throttled answer for "there is none"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.states import TRANSIENT, State, call, choose, matches, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAUSE_S = 15
_DESCRIBE = "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint"


def look_for_endpoint(
    question: str,
    name: str,
    *,
    found: str,
    missing: str,
    otherwise: str,
    result: str,
    act: Callable[[State], State] = lambda state: state,
) -> Mapping[str, State]:
    """States that ask until there is an answer.

    DescribeEndpoint has no error of its own for an endpoint that is not there: like a throttle, it comes under the
    service's general name, and only the words tell them apart.

    Args:
        question: the first state's name.
        name: a path to the endpoint's name.
        found: the state when it is there; its status then stands under `<result>.status`.
        missing: the state when it is not.
        otherwise: the state when SageMaker refuses to say; `<result>` then holds the error.
        result: a path.
        act: makes the task act in another account, where the endpoint is there.
    """
    why, again = f"{question} Why no answer?", f"{question} Ask again"
    caught = {"ResultPath": result}
    return {
        question: act(
            call(
                _DESCRIBE,
                {"EndpointName.$": name},
                follow=found,
                Retry=[TRANSIENT],
                ResultSelector={"status.$": "$.EndpointStatus"},
                ResultPath=result,
                Catch=[
                    {"ErrorEquals": ["SageMaker.SageMakerException"], **caught, "Next": why},
                    {"ErrorEquals": ["States.ALL"], **caught, "Next": otherwise},
                ],
            )
        ),
        why: choose(
            (matches(f"{result}.Cause", "*Could not find*"), missing),
            (matches(f"{result}.Cause", "*Rate exceeded*"), again),
            (matches(f"{result}.Cause", "*Throttling*"), again),
            otherwise=otherwise,
        ),
        again: wait(PAUSE_S, follow=question),
    }
