"""What is left of a rollout that failed is removed, its reason told, and its lock released."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.rollout.lock import release_lock
from infra.machines.rollout.props import CLEAN_UP, GIVE_UP, POLL_S, ROLL_BACK, SDK, RolloutProps
from infra.machines.states import (
    DISCARD,
    TRANSIENT,
    State,
    call,
    choose,
    equals,
    fail_as_caught,
    publish,
    wait,
)
from noriba.events import RolledBack
from noriba.records.names import IN_PROGRESS


def roll_back(props: RolloutProps) -> dict[str, State]:
    """Clean up, say why, and fail; whether staging stands or not, production was not touched or stands as it did."""
    delete = "Delete staging endpoint after failure"
    configuration = "Delete staging configuration after failure"
    model = "Delete model after failure"
    waiting = "Wait for staging after failure"
    return {
        **look_for_endpoint(
            CLEAN_UP,
            "$.names.staging",
            found="Can staging be deleted?",
            missing=configuration,
            otherwise=delete,
            result="$.search",
        ),
        # SageMaker refuses to delete an endpoint that it is still making.
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
        "Can staging be deleted?": choose(
            *((equals("$.search.status", status), waiting) for status in IN_PROGRESS), otherwise=delete
        ),
        waiting: wait(POLL_S, follow=CLEAN_UP),
        delete: _remove("deleteEndpoint", {"EndpointName.$": "$.names.staging"}, follow=configuration),
        configuration: _remove("deleteEndpointConfig", {"EndpointConfigName.$": "$.names.staging"}, follow=model),
        model: _remove("deleteModel", {"ModelName.$": "$.names.model"}, follow=ROLL_BACK),
        ROLL_BACK: publish(
            props.bus_name,
            RolledBack,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "error.$": "$.failure.Error",
                "reason.$": "$.failure.Cause",
            },
            follow=GIVE_UP,
            **_regardless(GIVE_UP),
        ),
        GIVE_UP: release_lock(props.ledger_table, follow="Failed"),
        "Failed": fail_as_caught(),
    }


def _remove(action: str, parameters: State, *, follow: str) -> State:
    """Remove what may not be there; what is left all the same, TIDY removes."""
    return call(f"{SDK}{action}", parameters, follow=follow, Retry=[TRANSIENT], **_regardless(follow))


def _regardless(follow: str) -> State:
    """Go on after a failure too, with what was caught before."""
    return {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": DISCARD, "Next": follow}]}
