"""`status`, `logs`, `teardown`: how it stands, what it says, and how it ends."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noriba.aws.deployment import list_buckets, read_stacks
from noriba.aws.endpoints import describe_endpoint
from noriba.aws.logs import find_groups, read_lines
from noriba.aws.teardown import empty_bucket, remove_endpoints, remove_packages
from noriba.cli.output import AsJson, print_fields, print_json, print_line, print_problem, print_table, show_progress
from noriba.cli.session import THE_PREFIX, THE_USE_CASE, Prefix, Session, UseCaseName
from noriba.registry.candidates import name_package_group
from noriba.rollout.names import name_endpoint
from noriba.usecase import list_use_cases, load_use_case

if TYPE_CHECKING:
    from noriba.aws.clients import Clients
    from noriba.aws.logs import LogLine

FOLLOW_S = 2.0


def status(use_case: UseCaseName = THE_USE_CASE, prefix: Prefix = THE_PREFIX, *, as_json: AsJson = False) -> None:
    """Show how the deployment stands: stacks, data, models, production, alarms."""
    session = Session(prefix, use_case)
    stacks = read_stacks(session.clients.cloudformation, prefix=prefix)
    document: dict[str, Any] = {
        "endpoint_url": os.environ.get("AWS_ENDPOINT_URL"),
        "region": session.clients.s3.meta.region_name,
        "stacks": stacks,
    }
    if stacks:
        document |= describe_state(session)
    if as_json:
        print_json(document)
        return
    if not stacks:
        print_line("nothing is deployed here. On the laptop: `noriba up`; on AWS: `cdk deploy --all`")
        return
    print_fields({name: value for name, value in document.items() if name not in {"stacks", "executions"}})
    print_table("Stacks", ("stack", "status"), list(stacks.items()))
    print_table(
        "Executions, the latest hundred", ("machine", "by status"), [list(i) for i in document["executions"].items()]
    )


def describe_state(session: Session) -> dict[str, Any]:
    """How data, models and production stand."""
    deployment, clients = session.deployment, session.clients
    champion = session.ledger.read_champion()
    endpoint = describe_endpoint(clients.sagemaker, name_endpoint(session.use_case.name, prefix=session.prefix))
    waiting = [p.version for p in session.registry.list_packages() if p.status == "PendingManualApproval"]
    alarms = clients.cloudwatch.describe_alarms(StateValue="ALARM", AlarmNamePrefix=f"{session.prefix}-")
    letters = clients.sqs.get_queue_attributes(
        QueueUrl=deployment.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    machines = {
        "ingest": deployment.ingest_machine_arn,
        "train": deployment.train_machine_arn,
        "rollout": deployment.rollout_machine_arn,
    }
    return {
        "api_url": deployment.api_url,
        "use_case": session.use_case.name,
        "snapshot": session.ledger.latest_snapshot(),
        "waiting_for_approval": waiting,
        "champion": champion and champion.model_package_arn,
        "endpoint": endpoint and endpoint.status,
        "model_version": endpoint and endpoint.model_version,
        "alarms": [alarm["AlarmName"] for alarm in alarms["MetricAlarms"]],
        "dead_letters": int(letters["Attributes"]["ApproximateNumberOfMessages"]),
        "executions": {name: session.history(arn).count() for name, arn in machines.items()},
    }


def logs(
    group: Annotated[str | None, typer.Argument(help="A log, by its short name; a list of them when left out.")] = None,
    prefix: Prefix = THE_PREFIX,
    *,
    minutes: Annotated[float, typer.Option("--minutes", "-m", help="How far back.")] = 60.0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what functions, machines and jobs said."""
    session = Session(prefix)
    stacks = list(read_stacks(session.clients.cloudformation, prefix=prefix))
    groups = find_groups(session.clients.cloudformation, stacks=stacks)
    if group is None:
        if as_json:
            print_json(groups)
        else:
            print_table("Logs", ("name", "group"), sorted(groups.items()))
        return
    if group not in groups:
        print_problem(f"no log {group!r}; there are {', '.join(sorted(groups))}")
        raise typer.Exit(2)
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    lines = list(read_lines(session.clients.logs, groups[group], since=since))
    if as_json:
        print_json([line.model_dump(mode="json") for line in lines])
        return
    _print_lines(lines)
    while follow:
        time.sleep(FOLLOW_S)
        since = lines[-1].at + timedelta(milliseconds=1) if lines else since
        fresh = list(read_lines(session.clients.logs, groups[group], since=since))
        _print_lines(fresh)
        lines = fresh or lines


def teardown(
    prefix: Prefix = THE_PREFIX,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what the stacks do not own: endpoints, models, all objects. Then: `cdk destroy --all`."""
    session = Session(prefix)
    # Not the whole deployment: after a `cdk destroy` that stopped half-way, what is left must go all the same.
    buckets = list_buckets(session.clients.cloudformation, prefix=prefix)
    where = describe_place(session.clients)
    if not yes:
        typer.confirm(f"Delete all data and models of {prefix} in {where}? This cannot be undone", abort=True)
    removed: dict[str, int] = {}
    with show_progress("tearing down") as progress:
        for name in list_use_cases():
            endpoint = name_endpoint(name, prefix=prefix)
            removed[f"endpoint {endpoint}"] = remove_endpoints(
                session.clients.sagemaker, prefix=endpoint, tell=progress.update
            )
            group = name_package_group(load_use_case(name), prefix=prefix)
            removed[f"models of {name}"] = remove_packages(session.clients.sagemaker, group)
        for bucket in buckets:
            progress.update(f"emptying {bucket}")
            removed[bucket] = empty_bucket(session.clients.s3, bucket)
        progress.done(f"emptied in {where}; now run: cdk destroy --all")
    if as_json:
        print_json(removed)
    else:
        print_table("Removed", ("what", "how many"), list(removed.items()))


def describe_place(clients: Clients) -> str:
    """Account and region, for whoever is about to do harm."""
    account = clients.sts.get_caller_identity()["Account"]
    return f"account {account}, region {clients.sts.meta.region_name}"


def _print_lines(lines: list[LogLine]) -> None:
    for line in lines:
        print_line(f"[dim]{line.at:%H:%M:%S}[/] {line.message}")
