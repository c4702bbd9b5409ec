"""What is left of a rollout that failed is removed, its reason told, and its lock released."""

from __future__ import annotations

from infra.machines.endpoint_search import look_for_endpoint
from infra.machines.rollout.lock import release_lock
from infra.machines.rollout.lock_entry import update_lock
from infra.machines.rollout.props import (
    CLEAN_UP,
    GIVE_UP,
    MOST_TRIES,
    PATIENT_POLL_S,
    POLL_S,
    RESTORE,
    ROLL_BACK,
    SDK,
    RolloutProps,
)
from infra.machines.states import (
    TRANSIENT,
    State,
    call,
    choose,
    equals,
    fail_as_caught,
    matches,
    present,
    publish,
    put,
    regardless,
    succeed,
    wait,
)
from noriba.events import RolledBack
from noriba.records.names import IN_PROGRESS
from noriba.records.rollout import EXPERIMENT_ENDED

_IN_WORDS = "Is the reason a document?"


def restore(props: RolloutProps) -> dict[str, State]:
    """States that give production back to the champion alone, and try for a while; TIDY tries on after them.

    Requests first. They are taken from the challenger at once: another configuration brings up a new fleet, which takes
    minutes, and where there is no capacity for it, for ever. What the rollout made is removed after that.
    """
    look, check, waiting = "Look at production after failure", "Does the champion serve?", "Wait for the champion"
    serves = {
        "And": [
            equals("$.found.status", "InService"),
            {"Variable": "$.found.config", "StringEqualsPath": "$.champion.config"},
        ]
    }
    return {
        # Without a champion there is nothing to go back to.
        RESTORE: choose((present("$.champion.config"), "Begin to restore"), otherwise=ROLL_BACK),
        "Begin to restore": put("$.restoring", {"tries": 0}, follow="Deal nobody to the challenger"),
        # Only a canary has a share. Nobody waits for its verdict any more; it must not be judged by a share of none.
        "Deal nobody to the challenger": call(
            "arn:aws:states:::dynamodb:updateItem",
            update_lock(
                props.ledger_table, {"percent": {"N": "0"}}, remove="token", where="attribute_exists(#percent)"
            ),
            follow=look,
            **regardless(look),
        ),
        look: call(
            f"{SDK}describeEndpoint",
            {"EndpointName.$": "$.endpoint_name"},
            follow=check,
            ResultSelector={"status.$": "$.EndpointStatus", "config.$": "$.EndpointConfigName"},
            ResultPath="$.found",
            # TIDY tries it again, every hour.
            **regardless(ROLL_BACK),
        ),
        check: choose(
            (serves, CLEAN_UP),
            *((equals("$.found.status", status), waiting) for status in IN_PROGRESS),
            ({"Variable": "$.restoring.tries", "NumericGreaterThanEquals": MOST_TRIES}, ROLL_BACK),
            otherwise="Count the try",
        ),
        "Count the try": put(
            "$.restoring", {"tries.$": "States.MathAdd($.restoring.tries, 1)"}, follow="Do both models answer?"
        ),
        "Do both models answer?": choose(
            (
                {
                    "And": [
                        {"Variable": "$.restoring.tries", "NumericEquals": 1},
                        {"Variable": "$.found.config", "StringEqualsPath": "$.names.canary"},
                    ]
                },
                "Take the requests away",
            ),
            otherwise="Restore the champion",
        ),
        "Take the requests away": call(
            f"{SDK}updateEndpointWeightsAndCapacities",
            {
                "EndpointName.$": "$.endpoint_name",
                "DesiredWeightsAndCapacities": [
                    {"VariantName.$": "$.champion.variant", "DesiredWeight": 1},
                    {"VariantName.$": "$.variant", "DesiredWeight": 0},
                ],
            },
            follow=waiting,
            **regardless("Restore the champion"),
        ),
        "Restore the champion": call(
            "arn:aws:states:::sagemaker:updateEndpoint",
            {"EndpointName.$": "$.endpoint_name", "EndpointConfigName.$": "$.champion.config"},
            follow=waiting,
            Retry=[TRANSIENT],
            **regardless("Wait longer for the champion"),
        ),
        waiting: wait(POLL_S, follow=look),
        "Wait longer for the champion": wait(PATIENT_POLL_S, follow=look),
    }


def roll_back(props: RolloutProps) -> dict[str, State]:
    """Clean up, say why, and fail; production was not touched, or is the champion's again. An experiment has ended."""
    delete = "Delete staging endpoint after failure"
    configuration = "Delete staging configuration after failure"
    model, model_there = "Delete model after failure", "Delete staging model after failure"
    place = props.staging
    waiting = "Wait for staging after failure"
    # Only where production is the champion's again has all gone well.
    ended = {
        "And": [
            equals("$.failure.Error", EXPERIMENT_ENDED),
            present("$.found.config"),
            {"Variable": "$.found.config", "StringEqualsPath": "$.champion.config"},
        ]
    }
    announce = "Announce rollback"
    return {
        **look_for_endpoint(
            CLEAN_UP,
            "$.names.staging",
            found="Can staging be deleted?",
            missing=configuration,
            otherwise=delete,
            result="$.search",
            act=place.act,
        ),
        # SageMaker refuses to delete an endpoint that it is still making.
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
        "Can staging be deleted?": choose(
            *((equals("$.search.status", status), waiting) for status in IN_PROGRESS), otherwise=delete
        ),
        waiting: wait(POLL_S, follow=CLEAN_UP),
        delete: place.act(_remove("deleteEndpoint", {"EndpointName.$": "$.names.staging"}, follow=configuration)),
        configuration: place.act(
            _remove(
                "deleteEndpointConfig",
                {"EndpointConfigName.$": "$.names.staging"},
                follow=model_there if place.is_elsewhere else model,
            )
        ),
        **(
            {model_there: place.act(_remove("deleteModel", {"ModelName.$": "$.names.model"}, follow=model))}
            if place.is_elsewhere
            else {}
        ),
        model: _remove("deleteModel", {"ModelName.$": "$.names.model"}, follow=ROLL_BACK),
        # Its verdict has told of it.
        ROLL_BACK: choose((ended, GIVE_UP), otherwise=_IN_WORDS),
        **_put_reason_into_words(follow=announce),
        announce: publish(
            props.bus_name,
            RolledBack,
            {
                "use_case.$": "$.use_case",
                "model_package_arn.$": "$.model_package_arn",
                "error.$": "$.failure.Error",
                "reason.$": "$.failure.Cause",
            },
            follow=GIVE_UP,
            **regardless(GIVE_UP),
        ),
        GIVE_UP: release_lock(props.ledger_table, follow="Did an experiment end?"),
        "Did an experiment end?": choose((ended, "Experiment ended"), otherwise="Failed"),
        "Experiment ended": succeed(),
        "Failed": fail_as_caught(),
    }


def _put_reason_into_words(*, follow: str) -> dict[str, State]:
    """What a function raised, and what SageMaker says of an endpoint, come in a document that nobody can read at night.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    of_function, of_sagemaker = "Say what the function said", "Say what SageMaker said"
    document = "$.told.document"
    fields = {"errorMessage": of_function, "FailureReason": of_sagemaker}
    is_document = {"Or": [matches("$.failure.Cause", f'{{*"{field}":*}}') for field in fields]}
    read, choice = "Read the document", "What does the document say?"
    return {
        _IN_WORDS: choose((is_document, read), otherwise=follow),
        read: put("$.told", {"document.$": "States.StringToJson($.failure.Cause)"}, follow=choice),
        choice: choose(*((present(f"{document}.{field}"), state) for field, state in fields.items()), otherwise=follow),
        of_function: put(
            "$.failure", {"Error.$": "$.failure.Error", "Cause.$": f"{document}.errorMessage"}, follow=follow
        ),
        # Whose logs are to be looked into.
        of_sagemaker: put(
            "$.failure",
            {
                "Error.$": "$.failure.Error",
                "Cause.$": f"States.Format('{{}}: {{}}', {document}.EndpointName, {document}.FailureReason)",
            },
            follow=follow,
        ),
    }


def _remove(action: str, parameters: State, *, follow: str) -> State:
    """Remove what may not be there; what is left all the same, TIDY removes."""
    return call(f"{SDK}{action}", parameters, follow=follow, Retry=[TRANSIENT], **regardless(follow))
