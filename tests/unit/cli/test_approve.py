"""What `approve` and `rollback` say of an experiment that ends for them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from noriba.cli import model_commands, rollout_commands
from noriba.cli.main import main
from tests.unit.client.deployments import Deployed

if TYPE_CHECKING:
    from noriba.client import Session

ENDS = "the experiment with version 7 ends for it"


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """Version 8 waits, 6 serves; what is typed goes there."""
    deployed = Deployed({5: "Approved", 6: "Approved", 7: "Approved", 8: "PendingManualApproval"})
    deployed.serve(5, 6)

    def open_session(*_names: Any) -> Session:
        return deployed.as_session()

    for commands in (model_commands, rollout_commands):
        monkeypatch.setattr(commands, "Session", open_session)
    return deployed


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`say("approve")`: what a command that waits for nothing prints, the document and the words."""

    def run(*words: str) -> tuple[Any, str]:
        monkeypatch.setattr(sys, "argv", ["noriba", *words, "--use-case", "taxi_eta", "--no-wait", "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in {0, None}
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    return run


@pytest.mark.parametrize("words", [("approve",), ("rollback", "5", "--reason", "late at night")])
def test_an_experiment_that_ends_is_named(deployed: Deployed, say: Any, words: tuple[str, ...]) -> None:
    deployed.hold_lock(purpose="experiment", version=7)

    document, said = say(*words)

    assert document["ended_experiment"] == 7
    assert ENDS in said


@pytest.mark.parametrize("words", [("approve",), ("rollback", "5", "--reason", "late at night")])
def test_where_none_runs_none_is_named(deployed: Deployed, say: Any, words: tuple[str, ...]) -> None:
    assert deployed.lock is None

    document, said = say(*words)

    assert document["ended_experiment"] is None
    assert "experiment" not in said


@pytest.mark.parametrize(
    ("words", "waits", "goes_on"),
    [
        (("approve",), "follow_rollout", "version 8 is approved and its rollout goes on: noriba rollout status"),
        (
            ("rollback", "5", "--reason", "late at night"),
            "wait_for_rollout",
            "the way back to version 5 goes on: noriba rollout status",
        ),
    ],
)
@pytest.mark.usefixtures("deployed")
def test_who_stops_waiting_is_told_what_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    waits: str,
    goes_on: str,
) -> None:
    def press_ctrl_c(*_given: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    for commands in (model_commands, rollout_commands):
        monkeypatch.setattr(commands, waits, press_ctrl_c, raising=False)
    monkeypatch.setattr(sys, "argv", ["noriba", *words, "--use-case", "taxi_eta"])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 130
    assert goes_on in capsys.readouterr().err


@pytest.mark.usefixtures("deployed")
def test_a_way_back_says_what_it_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(rollout_commands, "wait_for_rollout", lambda *_given, **_more: None)
    monkeypatch.setattr(sys, "argv", ["noriba", "rollback", "--reason", "late", "--use-case", "taxi_eta"])

    with pytest.raises(SystemExit):
        main()

    assert "left 6 for 5: version 5 answers in production" in capsys.readouterr().err
