"""The names of MiniStack's that only the laptop's SageMaker needs; form and check as of `ministack_seams.Seam`."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from laptop import ministack_seams

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop.ministack_seams import Function


class SageMakerSeam(Enum):
    """As `<module below ministack>:<name>`."""

    # CloudFormation: whether a resource type is made on a thread instead of the event loop.
    ON_WORKER_THREAD = "services.cloudformation.stacks:_runs_on_worker_thread"
    # Step Functions: runs one Task state of an execution.
    EXECUTE_TASK = "services.stepfunctions:_execute_task"


def wrap(seam: SageMakerSeam, around: Callable[[Function], Function]) -> None:
    """Put a function of one's own in the place of MiniStack's; `around` is given the one that stood there."""
    ministack_seams.wrap(seam, around)  # type: ignore[arg-type]  # it reads the value, which has the same form
