"""`monitor`: whether the model in production still does what it promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from noriba.cli.options import DEFAULT_PREFIX, DEFAULT_USE_CASE, AsJson, Prefix, UseCaseName
from noriba.cli.output import print_json, print_line, print_table, write_time
from noriba.client import Session, read_monitoring_report, run_monitor

if TYPE_CHECKING:
    from noriba.client import MonitoringReport


def monitor(
    use_case: UseCaseName = DEFAULT_USE_CASE,
    prefix: Prefix = DEFAULT_PREFIX,
    *,
    last: Annotated[bool, typer.Option("--last", help="Show the hourly look's report, and do not look again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look whether the model in production still does what it showed on its hold-out, and say what has changed."""
    session = Session(prefix, use_case)
    report = read_monitoring_report(session) if last else run_monitor(session)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    print_parts(report)
    print_table(
        "What was found",
        ("question", "answer", "in words", "since"),
        [
            (one.kind, one.verdict, one.reason, None if one.since is None else one.since.isoformat())
            for one in report.findings
        ],
    )


def print_parts(report: MonitoringReport) -> None:
    """The traffic and its parts in numbers."""
    unit = report.unit
    columns = (
        "traffic",
        "answered",
        "outcomes",
        f"MAE ({unit})",
        "hold-out MAE",
        "estimated MAE",
        "bias",
        "P90 at most",
        "close",
        "coverage",
    )
    print_table(
        f"Version {report.model_version} of {report.use_case} since {write_time(report.since)}",
        columns,
        [
            (
                one.part or "all",
                one.answered,
                one.with_outcome,
                *(
                    None if number is None else f"{number:.4g}"
                    for number in (one.mae, one.expected_mae, one.estimated_mae, one.bias, one.p90)
                ),
                *(None if number is None else f"{number:.3f}" for number in (one.close, one.coverage)),
            )
            for one in report.parts
        ],
    )
    print_line(f"intervals end {report.stretch:.3f} times as far from the median as this version was trained to")
    print_line("hold-out MAE: what this version showed on rows that it had not seen, before it was approved")
    print_line("estimated MAE: what the width of the intervals makes one expect, without any outcome")
    print_line(
        "P90 at most: nine of ten errors are smaller, or than up to 9 % less; close: the share of answers as "
        "near as the use case wants them"
    )
    print_line("the table counts every hour until now; the answers below, hours whose outcomes have had time to come")
    print_line("since: the first odd day of requests; of all else, the day of the look that first found it changed")
