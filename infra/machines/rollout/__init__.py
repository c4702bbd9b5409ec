"""ROLLOUT: an approved model into staging ▸ golden requests ▸ production, without a gap; or production stays as is.

Each module is a stage, in this order: `preparation`, `staging`, `production`, `completion`; `failure` is where each of
them leads that goes wrong. A stage between staging and production has its place here, and its module beside theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.machines.rollout.completion import complete
from infra.machines.rollout.failure import roll_back
from infra.machines.rollout.preparation import prepare
from infra.machines.rollout.production import promote
from infra.machines.rollout.props import RolloutProps
from infra.machines.rollout.staging import stage

if TYPE_CHECKING:
    from infra.machines.states import State

__all__ = ["RolloutProps", "describe_rollout"]


def describe_rollout(props: RolloutProps) -> dict[str, State]:
    """The states; the input names the use case, its endpoint, and the package that was approved.

    `{use_case, endpoint_name, model_package_arn, version}`
    """
    return {**prepare(props), **stage(props), **promote(props), **complete(props), **roll_back(props)}
