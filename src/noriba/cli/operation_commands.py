"""`status`, `logs`, `teardown`: how it stands, what it says, and how it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import (
    DEFAULT_PREFIX,
    DEFAULT_USE_CASE,
    AsJson,
    MisuseError,
    Prefix,
    UseCaseName,
    Yes,
    need_answer,
)
from noriba.cli.output import print_fields, print_json, print_line, print_problem, print_table, show_progress
from noriba.client import Session, find_log, list_logs, read_log, read_status
from noriba.client.removal import tear_down

if TYPE_CHECKING:
    from noriba.client import DeploymentStatus, LogLine

FOLLOW_S = 2.0


def status(
    use_case: UseCaseName = DEFAULT_USE_CASE, prefix: Prefix = DEFAULT_PREFIX, *, as_json: AsJson = False
) -> None:
    """Show how the deployment stands: stacks, data, models, production, alarms."""
    found = read_status(Session(prefix, use_case))
    print_status(found, prefix, as_json=as_json)
    if found.state is None:
        raise typer.Exit(1)


def print_status(found: DeploymentStatus, prefix: str, *, as_json: bool) -> None:
    """How it stands; where nothing does, which prefix was looked for."""
    if as_json:
        state = found.state.model_dump(mode="json") if found.state else {}
        print_json({**found.model_dump(mode="json", exclude={"state"}), **state})
    elif found.state is None:
        where = found.endpoint_url or f"AWS, {found.region}"
        print_problem(
            f"no deployment with the prefix {prefix} is here ({where}); another is named by --prefix. To deploy: "
            "noriba up on the laptop, cdk deploy --all on AWS"
        )
    else:
        _print_status(found)


_OF_TROUBLE = {"variants", "remedy"}
"""Fields that are left out where all is well."""


def _print_status(found: DeploymentStatus) -> None:
    assert found.state is not None  # noqa: S101  # the caller looked
    where = {"endpoint_url": found.endpoint_url or "AWS", "region": found.region}
    fields = found.state.model_dump(exclude={"executions"})
    variants = found.state.variants
    if variants is not None:
        fields["variants"] = [f"{name}: weight {weight:g}" for name, weight in variants.items()]
    print_fields({**where, **{name: value for name, value in fields.items() if name not in _OF_TROUBLE or value}})
    print_table("Stacks", ("stack", "status"), list(found.stacks.items()))
    if len(found.accounts) > 1:
        columns = ("account", "parts", "stacks", "alarms", "dead letters")
        accounts = [
            (one.account, ", ".join(one.parts), len(one.stacks), len(one.alarms), one.dead_letters)
            for one in found.accounts
        ]
        print_table("Accounts", columns, accounts)
    rows = [
        (machine, ", ".join(f"{count} {name.lower()}" for name, count in sorted(counts.items())) or "none yet")
        for machine, counts in found.state.executions.items()
    ]
    print_table("Executions, the latest hundred", ("machine", "by status"), rows)


_COUNTS = '{"_aws":'
"""What a function counts travels in its log for CloudWatch; to a person it is noise. `--json` has every line."""


def logs(
    name: Annotated[
        str | None, typer.Argument(help="A log by its short name, or a staging endpoint; a list when left out.")
    ] = None,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    minutes: Annotated[float, typer.Option("--minutes", "-m", help="How far back.", min=0, max=525_600)] = 60.0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what functions, machines and jobs said."""
    session = Session(prefix)
    if name is None:
        groups = list_logs(session)
        if as_json:
            print_json(groups)
        else:
            print_table("Logs", ("name", "group"), sorted(groups.items()))
        return
    log = find_log(session, name)
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    lines = read_log(log, since=since)
    if as_json:
        print_json([line.model_dump(mode="json") for line in lines])
        return
    _print_lines(lines)
    if not lines and not follow:
        print_line(f"nothing within {minutes:g} minutes; see --minutes")
    while follow:
        time.sleep(FOLLOW_S)
        since = lines[-1].at + timedelta(milliseconds=1) if lines else since
        fresh = read_log(log, since=since)
        _print_lines(fresh)
        lines = fresh or lines


def teardown(prefix: Prefix = DEFAULT_PREFIX, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove what the stacks do not own: endpoints, models, all objects. Then: `cdk destroy --all`."""
    session = Session(prefix)
    where = session.describe_place()
    if not yes:
        with need_answer():
            typed = typer.prompt(
                f"This deletes all data and models of {prefix} in {where}, for good. Type the prefix to go on"
            )
        if typed.strip() != prefix:
            raise MisuseError(f"{typed!r} is not {prefix!r}; nothing was deleted")
    with show_progress(f"tearing down {prefix} in {where}") as progress:
        removed = tear_down(session, progress=progress)
        progress.done(f"emptied {prefix} in {where}; now run: cdk destroy --all")
    if as_json:
        print_json(removed)
    else:
        print_table("Removed", ("what", "how many"), list(removed.items()))


def _print_lines(lines: list[LogLine]) -> None:
    for line in lines:
        if not line.message.startswith(_COUNTS):
            print_line(line.message, before=f"{line.at:%H:%M:%S} ")
