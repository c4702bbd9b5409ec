"""What a rollout is told of its surroundings, and what its stages share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.machines.states import State

POLL_S = 15
PATIENT_POLL_S = 60
MOST_TRIES = 20
"""To give production to its champion: far from the 25,000 events of an execution, and half an hour at least."""
REGISTERED = "$.registered.Item"
SDK = "arn:aws:states:::aws-sdk:sagemaker:"
CLEAN_UP = "Is staging still there?"
ROLL_BACK = "Has it failed?"
RESTORE = "Was production changed?"
BEFORE_CANARY = "Look at the approval before the canary"
BEFORE_PRODUCTION = "Look at the approval before production"
GIVE_UP = "Release the lock after failure"
"""From the lock on, whatever fails must lead here: a lock that nobody releases ends all rollouts to come."""


@dataclass(frozen=True)
class StagingProps:
    """Where staging is.

    Attributes:
        golden_arn: the function that asks it golden requests.
        model_role_arn: as which its model runs.
        key_arn: of its volume.
        role_arn: as which it is made and removed, in another account; None where production is.
    """

    golden_arn: str
    model_role_arn: str
    key_arn: str
    role_arn: str | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether staging has an account of its own."""
        return self.role_arn is not None

    def act(self, state: State) -> State:
        """A task on staging, in its account.

        https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
        """
        return state if self.role_arn is None else {**state, "Credentials": {"RoleArn": self.role_arn}}


@dataclass(frozen=True)
class RolloutProps:
    """Names and ARNs."""

    bus_name: str
    ledger_table: str
    staging: StagingProps
    judge_arn: str
    model_role_arn: str
    key_arn: str
    captures_uri: str
    capture_percent: int
    staging_instance: str
    production_instance: str
    production_instances: int
    changer_arn: str | None = None
    """The function that keeps in the ledger who answers, where no endpoint of SageMaker's runs."""
