"""TIDY: remove what rollouts left and nobody needs, as soon as SageMaker lets it go."""

from __future__ import annotations

from infra.machines.states import State, choose, invoke_function, is_true, succeed, wait

PAUSE_S = 60


def describe_tidying(tidy_arn: str) -> dict[str, State]:
    """The states; they need no input."""
    return {
        "Tidy": invoke_function(tidy_arn, {}, result="$.tidied", follow="Is all done?"),
        # An endpoint that is being made cannot be deleted yet, and one that is being deleted needs its configuration.
        "Is all done?": choose((is_true("$.tidied.answer.done"), "Tidied"), otherwise="Wait for SageMaker"),
        "Wait for SageMaker": wait(PAUSE_S, follow="Tidy"),
        "Tidied": succeed(),
    }
