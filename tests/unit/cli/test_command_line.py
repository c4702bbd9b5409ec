"""Whatever is typed is answered in a line, never with a traceback: 1 when it failed, 2 when it was misused."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from noriba.cli import operation_commands
from noriba.cli.main import main
from noriba.cli.options import MisuseError, need_answer
from noriba.client import DeploymentStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACES = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ROLE_ARN")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
COMMANDS = (
    "land",
    "gather",
    "datasets",
    "models",
    "approve",
    "reject",
    "predict",
    "status",
    "logs",
    "erase",
    "teardown",
    "why",
)


@pytest.fixture(autouse=True, scope="module")
def _nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An environment that names no cloud, and nobody to answer a question."""
    folder = tmp_path_factory.mktemp("nowhere")
    with pytest.MonkeyPatch.context() as environment:
        for name in PLACES:
            environment.delenv(name, raising=False)
        environment.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # Whoever set this has said where commands are to go: not to a laptop cloud that happens to run.
        environment.setenv("AWS_ROLE_ARN", "nobody")
        environment.chdir(folder)
        yield


def run(*words: str) -> int:
    """The exit status; anything but an exit is what a person would see as a traceback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["noriba", *words])
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        return 0


@given(st.sampled_from(COMMANDS), st.lists(WORDS, max_size=3))
def test_words_that_make_no_sense_end_in_a_line(command: str, words: list[str]) -> None:
    assert run(command, *words) in {0, 1, 2}


@given(WORDS | st.sampled_from(["", "/etc", "nofile.json", "[1,2]", "{", "null", "[" * 5_000, '{"a": ' * 5_000]))
def test_a_request_that_is_none_is_a_misuse(given_words: str) -> None:
    assert run("predict", "--", given_words) in {1, 2}


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("nofile.json", "'nofile.json' is no file that can be read (No such file or directory)"),
        ("", "'' is no file that can be read"),
        ("/etc", "'/etc' is no file that can be read (Is a directory)"),
        ("[1,2]", "the request must be a JSON object"),
        ("{", "the request is not JSON"),
    ],
)
def test_a_request_that_cannot_be_read_says_why(
    capsys: pytest.CaptureFixture[str], request_text: str, reason: str
) -> None:
    assert run("predict", request_text) == 2
    assert reason in capsys.readouterr().err


def test_without_a_cloud_that_is_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 1
    assert "no laptop cloud is running here" in capsys.readouterr().err


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
REGION = {"AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (KEYS, "AWS_ACCESS_KEY_ID is set, but no region of AWS. Set AWS_REGION"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", **KEYS}, "AWS_ENDPOINT_URL is set, but no region of AWS"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", **REGION}, "AWS_ENDPOINT_URL is set, but there are no credentials"),
        (REGION, "no laptop cloud is running here, and the environment names no account of AWS"),
    ],
    ids=["no region", "no region of a cloud", "no credentials of a cloud", "a region alone"],
)
def test_what_is_missing_is_named_where_the_rest_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, there: dict[str, str], said: str
) -> None:
    for name, value in there.items():
        monkeypatch.setenv(name, value)

    assert run("status") == 1
    assert said in capsys.readouterr().err


def test_a_use_case_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "--use-case", "bus_eta") == 2
    assert "no use case 'bus_eta'; installed:" in capsys.readouterr().err


def test_an_error_is_a_document_where_one_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--json") == 1

    said = capsys.readouterr()
    assert json.loads(said.out)["error"] == "NoCloudError"
    assert "no laptop cloud is running here" in said.err


def test_the_file_that_a_request_stands_in_may_be_anything(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(b"\xff\xfe\x00")

    assert run("predict", str(tmp_path / "request.json")) == 2


@pytest.mark.parametrize(
    "words", [("rollback",), ("rollout", "abort"), ("experiment", "stop"), ("experiment", "start", "2")]
)
def test_an_empty_reason_is_a_misuse(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """A script's variable that was never set, mostly: production would be changed, and nobody could read why."""
    assert run(*words, "--reason", "  ") == 2
    assert "--reason is empty" in capsys.readouterr().err


def test_doctor_refuses_a_file_of_settings_that_is_named_and_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NORIBA_SETTINGS", "stagnig.toml")

    assert run("doctor") == 1
    assert "stagnig.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("accuracy", "--hours", "0"), "nothing lies within 0 hours; give more than 0"),
        (("drift", "--hours", "0"), "nothing lies within 0 hours; give more than 0"),
        (("drift", "--hours", "-3"), "nothing lies within -3 hours; give more than 0"),
        (("gather", "--day", "yesterday"), "'yesterday' is no day; give one such as 2026-03-01"),
        (("gather", "--day", "2999-01-01"), "--day 2999-01-01 is to come, and has no traffic yet"),
    ],
)
def test_a_time_that_holds_nothing_is_a_misuse(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(*words) == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_prefix_of_which_nothing_is_deployed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    nothing = DeploymentStatus(
        endpoint_url="http://127.0.0.1:1", region="us-east-1", stacks={}, accounts=(), state=None
    )
    monkeypatch.setattr(operation_commands, "read_status", lambda _session: nothing)

    assert run("status", "--prefix", "other", *more) == 1

    said = capsys.readouterr()
    if more:
        assert json.loads(said.out)["stacks"] == {}
    else:
        assert "no deployment with the prefix other is here (http://127.0.0.1:1)" in said.err


@pytest.mark.parametrize(
    ("answer", "terminal", "raised"),
    [("", False, MisuseError), ("n\n", False, MisuseError), ("", True, typer.Abort)],
    ids=["nobody there", "a no by a pipe", "Ctrl-D at a terminal"],
)
def test_without_a_terminal_the_way_out_of_a_question_is_named(
    monkeypatch: pytest.MonkeyPatch, answer: str, terminal: bool, raised: type[Exception]
) -> None:
    stdin = io.StringIO(answer)
    monkeypatch.setattr(stdin, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(raised), need_answer():
        typer.confirm("Erase it?", abort=True)


def test_an_answer_by_a_pipe_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    with need_answer():
        assert typer.confirm("Erase it?", abort=True)
