"""Executions are found by their place in the list and by their input, and told with how they ended."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from noriba.aws.executions import Execution, MachineHistory, look_up

if TYPE_CHECKING:
    from noriba.aws.clients import Clients

_numbers = itertools.count()
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def machine(clients: Clients) -> str:
    """A machine whose executions run until they are stopped."""
    return clients.stepfunctions.create_state_machine(
        name=f"machine-{next(_numbers)}", definition=json.dumps(MACHINE), roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]


@pytest.fixture
def history(clients: Clients, machine: str) -> MachineHistory:
    return MachineHistory(clients.stepfunctions, machine)


def start(clients: Clients, machine: str, package: str) -> str:
    given = json.dumps({"model_package_arn": package})
    return clients.stepfunctions.start_execution(stateMachineArn=machine, input=given)["executionArn"]


def test_an_execution_is_told_with_its_input_and_how_it_failed(clients: Clients, machine: str) -> None:
    arn = start(clients, machine, "p/1")
    running = look_up(clients.stepfunctions, arn)
    clients.stepfunctions.stop_execution(executionArn=arn, error="Operator", cause="too slow")
    stopped = look_up(clients.stepfunctions, arn)

    assert running is not None
    assert (running.status, running.failed, "p/1" in running.given) == ("RUNNING", False, True)
    assert stopped is not None
    assert (stopped.status, stopped.failed) == ("ABORTED", True)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ({"status": "ABORTED"}, ("Aborted", "its execution was stopped, and nobody said why")),
        ({"status": "TIMED_OUT"}, ("States.Timeout", "its time was up")),
        ({"status": "FAILED", "error": "E", "cause": '{"FailureReason": "no capacity"}'}, ("E", "no capacity")),
        ({"status": "FAILED", "error": "E", "cause": '{"errorMessage": "no such row"}'}, ("E", "no such row")),
        (
            {"status": "FAILED", "error": "E", "cause": '{"Status": {"StateChangeReason": "too many bytes"}}'},
            ("E", "too many bytes"),
        ),
        ({"status": "FAILED", "error": "E", "cause": "[1, 2]"}, ("E", "[1, 2]")),
    ],
)
def test_a_failure_is_told_in_words_whoever_failed_it(said: dict[str, str], failure: tuple[str, str]) -> None:
    assert Execution(arn="arn", started_at=LONG_AGO, **said).read_failure() == failure


def test_an_execution_that_is_forgotten_is_none(clients: Clients, machine: str) -> None:
    assert look_up(clients.stepfunctions, f"{machine.replace('stateMachine', 'execution')}:gone") is None


def test_before_the_first_execution_there_is_no_newest(history: MachineHistory) -> None:
    assert history.find_newest() is None
    assert history.find_after(None, "p/1") is None


def test_an_execution_after_another_is_not_one_before_it(
    clients: Clients, machine: str, history: MachineHistory
) -> None:
    """Whoever approves once more does not hear how the rollout before went."""
    earlier = start(clients, machine, "p/1")
    clients.stepfunctions.stop_execution(executionArn=earlier)
    newest = history.find_newest()
    assert newest is not None
    nothing_yet = history.find_after(newest.arn, "p/1")
    start(clients, machine, "p/2")
    later = start(clients, machine, "p/1")

    assert newest.arn == earlier
    assert nothing_yet is None
    found = history.find_after(newest.arn, "p/1")
    assert found is not None
    assert (found.arn, found.status) == (later, "RUNNING")


def test_of_several_the_first_after_it_is_found(clients: Clients, machine: str, history: MachineHistory) -> None:
    first, _second = (start(clients, machine, "p/1") for _ in range(2))

    found = history.find_after(None, "p/1")

    assert found is not None
    assert found.arn == first


def test_the_newest_of_a_time_is_found_by_its_input(clients: Clients, machine: str, history: MachineHistory) -> None:
    _first, second = (start(clients, machine, "p/1") for _ in range(2))
    start(clients, machine, "p/2")

    found = history.find("p/1", since=LONG_AGO)

    assert found is not None
    assert found.arn == second
    assert history.find("p/1", since=datetime.now(UTC) + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("status", "error", "cut_off"),
    [
        ("RUNNING", None, False),
        ("SUCCEEDED", None, False),
        ("FAILED", "ChallengerRejectedError", False),
        ("FAILED", "States.Runtime", True),
        ("FAILED", "States.DataLimitExceeded", True),
        ("FAILED", "CompletionUntoldError", True),
        ("ABORTED", None, True),
        ("TIMED_OUT", "States.Timeout", True),
    ],
)
def test_whose_end_is_still_to_be_told(status: str, error: str | None, cut_off: bool) -> None:
    execution = Execution(arn="a", status=status, started_at=LONG_AGO, error=error)

    assert execution.cut_off is cut_off


def test_those_that_run_are_told_with_their_input(clients: Clients, machine: str, history: MachineHistory) -> None:
    first, second = (start(clients, machine, f"p/{number}") for number in (1, 2))
    clients.stepfunctions.stop_execution(executionArn=first)

    assert [(one.arn, "p/2" in one.given) for one in history.list_running()] == [(second, True)]
