"""`noriba`: the commands put together, and failures told in one line."""

from __future__ import annotations

import importlib.metadata
import sys

import typer

from noriba import __version__
from noriba.cli import (
    audit_command,
    cost_command,
    data_commands,
    doctor_command,
    erase_command,
    experiment_commands,
    model_commands,
    monitor_command,
    operation_commands,
    prediction_commands,
    retraining_commands,
    rollout_commands,
    why_command,
)
from noriba.cli.options import MisuseError
from noriba.cli.output import print_json, print_line, print_problem
from noriba.client import NoSuchLogError, translate_failures
from noriba.errors import NoribaError, UnknownUseCaseError, UseCaseError

EXTENSIONS = "noriba.commands"
_MISUSES = (MisuseError, NoSuchLogError, UnknownUseCaseError, UseCaseError)

_HELP = """Models from data to production on AWS, event by event.

Commands work on the deployment that the environment points at: AWS by AWS_PROFILE or AWS_ACCESS_KEY_ID, any other
cloud by AWS_ENDPOINT_URL. Where it names none, a laptop cloud of this checkout that runs (noriba up) is found by
itself."""


def build_app() -> typer.Typer:
    """All commands: ours, and those of packages that stand beside the library."""
    app = typer.Typer(name="noriba", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_root)
    for command in (
        data_commands.land,
        data_commands.gather,
        data_commands.datasets,
        model_commands.models,
        model_commands.approve,
        model_commands.reject,
        model_commands.retrain,
        rollout_commands.rollback,
        prediction_commands.predict,
        prediction_commands.accuracy,
        prediction_commands.drift,
        monitor_command.monitor,
        why_command.why,
        audit_command.audit,
        operation_commands.status,
        operation_commands.logs,
        doctor_command.doctor,
        cost_command.cost,
        erase_command.erase,
        operation_commands.teardown,
    ):
        app.command()(command)
    app.add_typer(rollout_commands.rollout)
    app.add_typer(experiment_commands.experiment)
    app.add_typer(retraining_commands.retraining)
    for extension in importlib.metadata.entry_points(group=EXTENSIONS):
        extension.load()(app)
    return app


def _show_version(*, wanted: bool) -> None:
    if wanted:
        print_line(__version__)
        raise typer.Exit


def _root(
    *,
    _version: bool = typer.Option(
        False,
        "--version",
        callback=lambda wanted: _show_version(wanted=wanted),
        is_eager=True,
        help="Show the version.",
    ),
) -> None:
    """Nothing: each command begins by itself."""


def main() -> None:
    """Run a command; 1 when it failed, 2 when it was called wrongly. With `--json`, an error is a document too."""
    app = build_app()
    try:
        with translate_failures():
            app()
    except NoribaError as error:
        if "--json" in sys.argv:
            print_json({"error": type(error).__name__, "message": str(error)})
        print_problem(str(error))
        sys.exit(2 if isinstance(error, _MISUSES) else 1)
