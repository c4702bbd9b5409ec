"""`up`, `down`, `env`, `clock`, `demo` and `replay`: what the laptop cloud adds to the `noriba` command."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from laptop.clock_commands import clock, explain_real_time, read_moment
from laptop.clouds import check_place, deploy_stacks, make_templates, start_cloud
from laptop.demo import DEFAULT_ROWS, DemoError, DemoPlan, NotBegunError, run_demo
from laptop.faults.catalogue import FAULTS
from laptop.organisation import ENTERPRISE, read_topology
from laptop.replay_command import replay
from laptop.state import (
    PROJECT_ROOT,
    REPORT,
    STATE_DIR,
    choose_settings,
    find_cloud,
    make_private_home,
    point_here_unless_told_otherwise,
    read_environment,
)
from laptop_cloud.deploy import DeployError
from laptop_cloud.process import CloudError, stop
from noriba.cli.options import DEFAULT_USE_CASE, AsJson, UseCaseName
from noriba.cli.output import print_fields, print_json, print_line, print_problem, print_table, show_progress
from noriba.cli.prediction_commands import print_prediction
from noriba.client import Prediction

if TYPE_CHECKING:
    from laptop_cloud.process import RunningCloud

SCENARIO_USE_CASE = "taxi_eta"
# As a shell tells of a program that SIGINT ended.
_INTERRUPTED = 130

Port = Annotated[
    int | None,
    typer.Option("--port", help="Port; 4566 when left out, or a free one when that is taken.", min=1, max=65535),
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands, and let all others find the running laptop cloud."""
    point_here_unless_told_otherwise()
    for command in (up, down, env, clock, demo, replay):
        app.command()(command)


Clock = Annotated[
    datetime | None,
    typer.Option(
        "--clock",
        help="A clock of its own that tells this time (2026-03-01T00:00:00Z, or now): noriba clock moves it.",
        parser=read_moment,
        metavar="TIME",
    ),
]


TopologyName = Annotated[
    str | None,
    typer.Option(
        "--topology",
        help=f"Each part in the account that this file names; {ENTERPRISE}: {ENTERPRISE}.toml, or the example.",
        metavar=f"{ENTERPRISE}|FILE",
    ),
]


def up(port: Port = None, clock: Clock = None, topology: TopologyName = None, *, as_json: AsJson = False) -> None:
    """Start the laptop cloud and deploy the stacks to it; deploys again when it runs already.

    With the defaults, not with noriba.toml, which is for an account of AWS. NORIBA_SETTINGS=FILE names other settings.
    """
    spread = None if topology is None else read_topology(topology, PROJECT_ROOT)
    try:
        make_private_home()
        check_clock(check_place(port, spread), clock)
        with show_progress("making the templates") as progress:
            make_templates(spread, settings=choose_settings(os.environ))
            progress.done("templates made")
            progress.update("starting the laptop cloud")
            cloud = start_cloud(spread, port=port, clock=clock)
            progress.done(f"laptop cloud at {cloud.endpoint_url}")
            progress.update("deploying")
            outputs = deploy_stacks(cloud, progress.update)
            progress.done(f"{len(outputs)} stacks deployed")
    except (CloudError, DeployError) as error:
        print_problem(str(error))
        raise typer.Exit(1) from error
    if as_json:
        print_json({**cloud.model_dump(mode="json"), "environment": read_environment(cloud), "stacks": outputs})
    else:
        print_environment(cloud)


def check_clock(found: RunningCloud | None, clock: datetime | None) -> None:
    """See whether a cloud that runs has a clock of its own, where one is asked for.

    Raises:
        CloudError: it has none.
    """
    if found is not None and clock is not None and found.clock is None:
        raise CloudError(explain_real_time(found))


def down(*, as_json: AsJson = False) -> None:
    """Stop the laptop cloud; what it held is gone."""
    stopped = stop(STATE_DIR)
    if as_json:
        print_json({"stopped": stopped})
    else:
        print_line("the laptop cloud is stopped" if stopped else "no laptop cloud was running")


def env(*, as_json: AsJson = False) -> None:
    """Print the variables that send every AWS client to the laptop cloud: eval "$(noriba env)"."""
    cloud = find_cloud()
    if cloud is None:
        print_problem("no laptop cloud is running here; start one: noriba up")
        raise typer.Exit(1)
    if as_json:
        print_json(read_environment(cloud))
        return
    for name, value in read_environment(cloud).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


Trips = Annotated[
    list[Path] | None,
    typer.Option("--trips", help="Real trips, Parquet or CSV; several files may follow.", exists=True, dir_okay=False),
]
MoreTrips = Annotated[list[Path] | None, typer.Argument(hidden=True, exists=True, dir_okay=False)]
Rows = Annotated[
    int | None,
    typer.Option("--rows", help=f"Rows at most: of the trips, all when left out; simulated, {DEFAULT_ROWS}.", min=1),
]


Scenario = Annotated[
    Literal["rollout", "faults", "drift"] | None,
    typer.Option(
        "--scenario",
        help="Go on: `rollout` promotes a better model, rejects a worse one; `faults` lets rollouts go wrong. Or see "
        "a changed city learned: `drift`.",
    ),
]
Serving = Annotated[
    Literal["endpoint", "function"],
    typer.Option("--serving", help="Where models answer: the setting of that name, for this walk."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help=f"Of the faults, this one; may be repeated. {', '.join(one.name for one in FAULTS)}."),
]


def demo(  # noqa: PLR0913  # the options of a command
    more: MoreTrips = None,
    trips: Trips = None,
    rows: Rows = None,
    report: Annotated[Path, typer.Option("--report", help="Where the JSON report goes.")] = REPORT,
    port: Port = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    topology: TopologyName = None,
    *,
    scenario: Scenario = None,
    only: Only = None,
    serving: Serving = "endpoint",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the laptop cloud running.")] = False,
    as_json: AsJson = False,
) -> None:
    """Walk the whole loop once on a laptop cloud of its own: data, training, approval, rollout, predictions."""
    if more and not trips:
        raise typer.BadParameter("files are given after --trips", param_hint="--trips")
    files = (*(trips or ()), *(more or ()))
    if scenario is not None:
        check_scenario(scenario, use_case, files, topology)
    check_faults(only or [], scenario)
    check_serving(serving, scenario, topology)
    spread = None if topology is None else read_topology(topology, PROJECT_ROOT)
    try:
        document = run_demo(
            DemoPlan(
                use_case,
                trips=files,
                rows=rows,
                report=report,
                keep=keep,
                port=port,
                scenario=scenario,
                only=only or (),
                topology=spread,
                serving=serving,
            )
        )
    except DemoError as error:
        print_problem(f"{error.phase}: {error}")
        if not isinstance(error, NotBegunError):
            print_problem(f"report: {report}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        print_problem(f"interrupted; report: {report}")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(document)
    else:
        if "model" in document:
            print_summary(document)
        if "scenario" in document:
            print_scenario(document["scenario"])
        print_line(f"report: {report}")
        print_next_step(use_case, keep=keep)
    if any(fault["wrong"] for fault in document.get("scenario", {}).get("faults", ())):
        raise typer.Exit(1)


def check_scenario(scenario: str, use_case: str, files: tuple[Path, ...], topology: str | None) -> None:
    """See whether a scenario can be walked so.

    Raises:
        typer.BadParameter: with trips or a use case of one's own it cannot; through several accounts one alone can.
    """
    if files or use_case != SCENARIO_USE_CASE:
        raise typer.BadParameter(f"made up for {SCENARIO_USE_CASE}, with trips of its own", param_hint="--scenario")
    if topology is not None and scenario != "rollout":
        raise typer.BadParameter(f"{scenario} is walked in one account; leave --topology out", param_hint="--scenario")


def check_serving(serving: str, scenario: str | None, topology: str | None) -> None:
    """See whether what is to be walked can be walked without endpoints.

    Raises:
        typer.BadParameter: faults are those of containers, the changed city has settings of its own, and over several
            accounts there are endpoints alone.
    """
    if serving == "function" and (scenario in {"faults", "drift"} or topology is not None):
        raise typer.BadParameter("walked in one account, alone or with --scenario rollout", param_hint="--serving")


def check_faults(names: list[str], scenario: str | None) -> None:
    """See whether these are faults that the scenario has.

    Raises:
        typer.BadParameter: one is not, or there is no such scenario.
    """
    if names and scenario != "faults":
        raise typer.BadParameter("names faults of --scenario faults", param_hint="--only")
    known = [fault.name for fault in FAULTS]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"no fault {', '.join(unknown)}; there are {', '.join(known)}", param_hint="--only")


def print_environment(cloud: RunningCloud) -> None:
    """How any AWS client reaches the laptop cloud."""
    print_line(f'\nthe laptop cloud answers at {cloud.endpoint_url}; point any AWS client at it: eval "$(noriba env)"')


def print_next_step(use_case: str, *, keep: bool) -> None:
    """What a newcomer can try now."""
    if keep and (cloud := find_cloud()) is not None:
        print_environment(cloud)
        which = "" if use_case == DEFAULT_USE_CASE else f" -u {use_case}"
        tries = ", ".join(f"noriba {name}{which}" for name in ("status", "models", "predict"))
        print_line(f"Try: {tries}; and noriba down in the end")
    else:
        print_line(
            "\nThe laptop cloud of this demo is gone. To keep one and look around: noriba demo --keep, noriba status"
        )


def print_scenario(scenario: dict[str, Any]) -> None:
    """What became of each challenger, stage by stage; or of each fault."""
    if "faults" in scenario:
        print_faults(scenario["faults"])
        return
    if scenario["name"] == "drift":
        print_fields({name: value for name, value in scenario.items() if name not in {"decision", "rollouts"}})
        return
    for rollout in scenario["rollouts"]:
        print_table(
            f"Version {rollout['version']}, {rollout['challenger']}: {rollout['outcome']}",
            ("stage", "seconds", "outcomes", "decision", "reason"),
            [(step["name"], step["seconds"], step["n"], step["decision"], step["reason"]) for step in rollout["steps"]],
        )
    print_line(f"how the bounds closed: {scenario['picture']}")


def print_faults(faults: list[dict[str, Any]]) -> None:
    """How each rollout ended that something befell."""
    print_table(
        "Faults",
        ("fault", "who serves", "ended in", "cause", "seconds"),
        [(one["name"], one["ended"], one["stage"], one["cause"], f"{one['seconds']:.1f}") for one in faults],
    )
    requests, failed = (sum(one[name] for one in faults) for name in ("requests", "failed"))
    print_line(f"{requests} requests of apps meanwhile, {failed} of them failed")
    for one in faults:
        for complaint in one["wrong"]:
            print_problem(f"{one['name']}: {complaint}")


def print_summary(document: dict[str, Any]) -> None:
    """What the demo showed."""
    phases = [(phase["name"], f"{phase['seconds']:.1f}") for phase in document["phases"]]
    total_s = sum(phase["seconds"] for phase in document["phases"])
    print_table("Phases", ("phase", "seconds"), [*phases, ("all", f"{total_s:.1f}")])
    snapshot, model = document["snapshot"], document["model"]
    metrics = model["metrics"]
    print_table(
        "Result",
        ("what", "value"),
        [
            ("rows read", snapshot["rows_read"]),
            ("rows kept", snapshot["rows_kept"]),
            ("rows quarantined", snapshot["rows_quarantined"]),
            ("snapshot", snapshot["id"]),
            ("model version", model["version"]),
            ("MAE on the later hold-out", f"{metrics['mae']:.4g} {model['unit']}"),
            ("MAE of the naive baseline", f"{metrics['baseline_mae']:.4g} {model['unit']}"),
            ("coverage of the interval", f"{metrics['coverage']:.3f} (claims {metrics['claimed_coverage']:.2f})"),
            ("predictions over HTTP", len(document["predictions"])),
            ("API", document["api_url"]),
            ("memory at its peak", f"{document['peak_memory_mib']} MiB"),
        ],
    )
    first = document["predictions"][0]
    print_prediction(Prediction(first["answer"], first["latency_ms"]))
