"""A command waits as long as a program that says nothing of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from noriba.cli import data_commands, experiment_commands, model_commands, rollout_commands
from noriba.client import (
    abort_rollout,
    follow_rollout,
    stop_experiment,
    wait_for_answer,
    wait_for_candidate,
    wait_for_objects,
    wait_for_rollout,
    wait_for_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def find_default(function: Callable[..., Any], name: str) -> object:
    return inspect.signature(function).parameters[name].default


@pytest.mark.parametrize(
    ("command", "waits"),
    [
        (data_commands.land, (wait_for_objects, wait_for_snapshot)),
        (model_commands.retrain, (wait_for_answer, wait_for_candidate)),
        (model_commands.approve, (follow_rollout,)),
        (rollout_commands.rollback, (wait_for_rollout,)),
        (rollout_commands.abort, (abort_rollout,)),
        (experiment_commands.start, (follow_rollout,)),
        (experiment_commands.stop, (stop_experiment,)),
    ],
)
def test_a_command_and_a_program_wait_equally_long(
    command: Callable[..., Any], waits: tuple[Callable[..., Any], ...]
) -> None:
    assert {find_default(one, "limit_s") for one in waits} == {find_default(command, "limit")}
