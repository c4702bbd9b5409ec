"""Tables of observations as compaction makes them, for SQL that DuckDB runs, which is Athena's engine on the laptop."""

from __future__ import annotations

import io
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet

from noriba.events import OutcomeObserved
from noriba.monitoring.observations import OutcomesFile, PredictionsFile
from noriba.records.captures import CapturedAnswer
from noriba.timestamps import begin_hour

if TYPE_CHECKING:
    from noriba.records.statements import Statement

MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
USE_CASE = "taxi_eta"
ENGINE = duckdb.connect(config={"threads": 1})

Answers = list[tuple[str, CapturedAnswer]]
Reports = list[tuple[datetime, OutcomeObserved]]


def read_hour(content: bytes, hour: datetime) -> pa.Table:
    """A file as a table shows it: with what the folders' names say."""
    table = pa.parquet.read_table(io.BytesIO(content))
    keys = {"use_case": USE_CASE, "day": f"{hour:%Y-%m-%d}", "hour": hour.hour}
    for name, value in keys.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table


def tabulate_answers(answers: Answers, *, unreadable: int = 0, shift: int = 0) -> pa.Table:
    by_hour: dict[datetime, Answers] = defaultdict(list, {begin_hour(MIDNIGHT): []})
    for one in answers:
        by_hour[begin_hour(one[1].at)].append(one)
    tables = []
    for hour, some in by_hour.items():
        file = PredictionsFile("noriba-taxi-eta")
        for variant, answer in some:
            file.add(variant, [answer])
        tables.append(
            read_hour(
                file.finish(unreadable=unreadable if hour == begin_hour(MIDNIGHT) else 0), hour + timedelta(hours=shift)
            )
        )
    return pa.concat_tables(tables)


def tabulate_outcomes(reports: Reports, *, unreadable: int = 0, shift: int = 0) -> pa.Table:
    by_hour: dict[datetime, Reports] = defaultdict(list, {begin_hour(MIDNIGHT): []})
    for one in reports:
        by_hour[begin_hour(one[0])].append(one)
    tables = []
    for hour, some in by_hour.items():
        file = OutcomesFile()
        file.add(some)
        tables.append(
            read_hour(
                file.finish(unreadable=unreadable if hour == begin_hour(MIDNIGHT) else 0), hour + timedelta(hours=shift)
            )
        )
    return pa.concat_tables(tables)


def run(statement: Statement, predictions: pa.Table, outcomes: pa.Table) -> list[dict[str, Any]]:
    """The rows of a statement's answer."""
    ENGINE.register("predictions", predictions)
    ENGINE.register("outcomes", outcomes)
    found = ENGINE.execute(statement.text, list(statement.values))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
