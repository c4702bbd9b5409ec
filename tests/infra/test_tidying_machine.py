"""TIDY: again and again, until SageMaker has let everything go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.infra.executions import Answers, Execution, Failure, answer_function, run_machine

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

PENDING, DONE = (answer_function({"done": done, "endpoints": 1}) for done in (False, True))


def tidy(assembly: Assembly, answers: Answers) -> Execution:
    definition: dict[str, Any] = assembly.machine("TidyMachine")
    return run_machine(definition, {}, {"Tidy": answers})


def test_what_is_done_at_once_is_done(assembly: Assembly) -> None:
    assert tidy(assembly, DONE).visited == ("Tidy", "Is all done?", "Tidied")


def test_what_sagemaker_does_not_let_go_yet_is_looked_at_again(assembly: Assembly) -> None:
    execution = tidy(assembly, [PENDING, PENDING, DONE])

    assert [state for state, _ in execution.calls] == ["Tidy"] * 3
    assert execution.visited[-1] == "Tidied"


def test_what_cannot_be_removed_is_a_failure_and_so_an_alarm(assembly: Assembly) -> None:
    assert tidy(assembly, Failure("ClientError", "AccessDenied")).failure is not None
