"""The command `laptop-cloud`: start a cloud, deploy to it, point other programs at it, stop it."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime  # noqa: TC003  # typer reads it
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from laptop_cloud.deploy import DeployError, deploy, synthesize
from laptop_cloud.driving import DrivingError, move_clock, pass_time, read_clock
from laptop_cloud.process import CloudError, RunningCloud, running, start, stop
from laptop_cloud.shared_clock import read_moment

_HOME = Path(".laptop-cloud")

app = typer.Typer(
    help="AWS as one local process: no account, no Docker.", no_args_is_help=True, pretty_exceptions_enable=False
)

Home = Annotated[Path, typer.Option("--home", help="Folder for what the cloud keeps; another one is another cloud.")]
Port = Annotated[
    int | None,
    typer.Option("--port", help="Port; 4566 when left out, or a free one when that is taken.", min=1, max=65535),
]


def _read_moment(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def up(
    project: Annotated[Path | None, typer.Argument(help="Folder of a CDK application to deploy.", exists=True)] = None,
    home: Home = _HOME,
    port: Port = None,
    account: Annotated[str, typer.Option("--account", help="12 digits.")] = "123456789012",
    region: Annotated[str, typer.Option("--region")] = "us-east-1",
    clock: Annotated[
        datetime | None,
        typer.Option(
            "--clock",
            help="A clock of its own that tells this time: 2026-03-01T00:00:00Z, or now.",
            parser=_read_moment,
        ),
    ] = None,
) -> None:
    """Start the cloud, and deploy an application to it; deploys again when it runs already."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    assembly = home / "cdk.out"
    try:
        if project is not None:
            typer.echo("making the templates", err=True)
            synthesize(project, assembly)
        cloud = start(
            state_dir=home / "state", assembly=assembly, port=port, account=account, region=region, clock=clock
        )
        typer.echo(f"laptop cloud at {cloud.endpoint_url}", err=True)
        if project is not None:
            outputs = deploy(cloud, assembly, lambda line: typer.echo(line.rstrip(), err=True))
            typer.echo(json.dumps(outputs, indent=2))
    except (CloudError, DeployError) as error:
        _fail(str(error))


@app.command()
def env(home: Home = _HOME) -> None:
    """Print the variables that send every AWS client here: eval "$(laptop-cloud env)"."""
    for name, value in _find(home).environment.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def status(home: Home = _HOME) -> None:
    """Say where the cloud answers, as JSON."""
    typer.echo(_find(home).model_dump_json(indent=2))


@app.command()
def clock(
    home: Home = _HOME,
    to: Annotated[
        datetime | None, typer.Option("--to", help="Let time pass up to this moment.", parser=_read_moment)
    ] = None,
    *,
    jump: Annotated[bool, typer.Option("--jump", help="Be there at once, and wait for nothing.")] = False,
) -> None:
    """Tell the time of the cloud's own clock, or let it pass; as JSON."""
    cloud = _find(home)
    try:
        told = read_clock(cloud) if to is None else move_clock(cloud, to) if jump else pass_time(cloud, to)
    except DrivingError as error:
        _fail(str(error))
    typer.echo(told.model_dump_json(indent=2))


@app.command()
def down(home: Home = _HOME) -> None:
    """Stop the cloud; what it held is gone."""
    typer.echo("stopped" if stop(home / "state") else f"no cloud was running in {home}", err=True)


def _find(home: Path) -> RunningCloud:
    cloud = running(home / "state")
    if cloud is None:
        _fail(f"no cloud is running in {home}; start one: laptop-cloud up")
    return cloud


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    sys.exit(1)


def main() -> None:
    """Run the command."""
    app()
