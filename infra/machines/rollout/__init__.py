"""ROLLOUT: an approved model into staging ▸ shadow ▸ canary ▸ production, without a gap; or the champion serves on.

Each module is a stage, in this order: `preparation` (with `lock`), `staging`, `champion`, `shadow`, `canary`,
`production`, `completion`. `approval` is looked at again before canary and production; `verdict` is how shadow and
canary wait to be judged; `failure` is where each of them leads that goes wrong. `in_ledger` does without SageMaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.rollout.canary import canary
from infra.machines.rollout.champion import find_champion
from infra.machines.rollout.completion import complete
from infra.machines.rollout.failure import restore, roll_back
from infra.machines.rollout.in_ledger import keep_in_ledger
from infra.machines.rollout.preparation import prepare
from infra.machines.rollout.production import promote
from infra.machines.rollout.props import RolloutProps, StagingProps
from infra.machines.rollout.shadow import shadow
from infra.machines.rollout.staging import stage

if TYPE_CHECKING:
    from infra.machines.states import State

__all__ = ["RolloutProps", "StagingProps", "describe_rollout"]


def describe_rollout(props: RolloutProps) -> dict[str, State]:
    """The states; the input names the use case, its endpoint, the package that was approved, and the plan.

    `{use_case, endpoint_name, model_package_arn, version, plan}`; without a plan, production follows upon staging.
    """
    stages = (prepare(props), stage(props), find_champion(props), shadow(props), canary(props), promote(props))
    states = {
        name: state
        for part in (*stages, complete(props), restore(props), roll_back(props))
        for name, state in part.items()
    }
    return states if props.changer_arn is None else keep_in_ledger(states, props.changer_arn)
