"""One prediction found among many, on the engine of the laptop."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from noriba.events import OutcomeObserved
from noriba.monitoring.lookup import (
    FoundOutcome,
    FoundRow,
    pick_last,
    pick_last_word,
    read_entries,
    state_entries,
    state_outcomes,
    state_rows,
)
from noriba.monitoring.observations import OutcomesFile, PredictionsFile
from noriba.records.captures import CapturedAnswer
from noriba.records.explanations import Doubt
from noriba.records.inference import ModelAnswer

if TYPE_CHECKING:
    from noriba.records.statements import Statement

AT = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)
ID, OTHER = "0b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e", "1b6e5f0c-7a3d-4b8e-9d5e-1f2a3b4c5d6e"
NAMES = {"features": ("metres@6c6dbf051d9e", "rain@0a1b", "new@00"), "nowhere": ("x",)}


def capture(
    prediction_id: str = ID, *, at: datetime = AT, values: tuple[float, ...] = (3.0, 4.0), whole: bool = True
) -> CapturedAnswer:
    low, high = tuple(v - 1 for v in values), tuple(v + 1 for v in values)
    answer = ModelAnswer(low, values if whole else (), high, 0.8, "d", doubts=((), (Doubt(kind="wide"),)))
    features = {"metres@6c6dbf051d9e": (10.0, 20.0), "rain@0a1b": (None, 0.5)}
    return CapturedAnswer(prediction_id, at, ("near", None), answer, features=features)


def tabulate(content: bytes, **partition: Any) -> pa.Table:
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    for name, value in partition.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    return table


@pytest.fixture
def engine() -> duckdb.DuckDBPyConnection:
    """Two versions that were asked, one of them captured twice; other predictions and other hours."""
    files = []
    for version, captures in (
        ("v7", [capture(), capture(OTHER, values=(8.0, 9.0))]),
        ("v8", [capture(values=(5.0, 6.0)), capture(at=AT + timedelta(seconds=1), values=(7.0, 8.0))]),
        ("v9", [capture(whole=False)]),
    ):
        file = PredictionsFile("noriba-taxi-eta")
        file.add(version, captures)
        files.append(tabulate(file.finish(unreadable=1), use_case="taxi_eta", day="2026-07-01", hour=8))
    astray = PredictionsFile("noriba-taxi-eta")
    astray.add("v7", [capture(values=(99.0, 99.0))])
    files.append(tabulate(astray.finish(unreadable=0), use_case="taxi_eta", day="2026-06-20", hour=8))
    outcomes = OutcomesFile()
    for candidate, value, minutes in (("near", 30.0, 5), ("near", 31.0, 9), ("near", 30.5, 7), (None, 44.0, 1)):
        seen = AT + timedelta(minutes=minutes)
        one = OutcomeObserved(
            use_case="taxi_eta", prediction_id=ID, candidate_id=candidate, value=value, observed_at=seen
        )
        outcomes.add([(seen, one), (seen, one.model_copy(update={"prediction_id": OTHER, "value": 1.0}))])
    connection = duckdb.connect()
    connection.register("predictions", pa.concat_tables(files))
    connection.register(
        "outcomes", tabulate(outcomes.finish(unreadable=0), use_case="taxi_eta", day="2026-07-01", hour=8)
    )
    return connection


def ask(engine: duckdb.DuckDBPyConnection, statement: Statement) -> list[dict[str, str | None]]:
    """As the client reads an answer: every value as text."""
    answer = engine.execute(statement.text, list(statement.values))
    names = [column[0] for column in answer.description or ()]
    rows = answer.fetchall()
    return [{n: None if v is None else str(v) for n, v in zip(names, row, strict=True)} for row in rows]


def test_each_version_s_last_answer_to_each_candidate_is_found(engine: duckdb.DuckDBPyConnection) -> None:
    statement = state_rows("taxi_eta", ID, since=AT - timedelta(hours=3), until=AT + timedelta(hours=3))

    rows = pick_last(FoundRow.model_validate(row) for row in ask(engine, statement))

    found = [(row.model_version, row.candidate_id, row.value, row.doubts) for row in rows]
    assert found == [
        (7, "near", 3.0, 0),
        (7, None, 4.0, 1),
        (8, "near", 7.0, 0),
        (8, None, 8.0, 1),
        (9, "near", None, None),
        (9, None, None, None),
    ]
    assert rows[0].answered_at_us == int(AT.timestamp() * 1e6)


def test_what_was_asked_is_found_by_name_whatever_the_table_lacks(engine: duckdb.DuckDBPyConnection) -> None:
    rows = ask(engine, state_entries("taxi_eta", ID, NAMES, version=7, at=AT))

    found = {row["candidate_id"]: read_entries(row, NAMES) for row in rows}

    assert found == {
        "near": {"features": {"metres@6c6dbf051d9e": 10.0, "rain@0a1b": None, "new@00": None}},
        None: {"features": {"metres@6c6dbf051d9e": 20.0, "rain@0a1b": 0.5, "new@00": None}},
    }


def test_a_name_is_a_name_and_no_sql(engine: duckdb.DuckDBPyConnection) -> None:
    hostile = {"features": ("x'] OR 1=1 --",)}

    [row, _] = ask(engine, state_entries("taxi_eta", ID, hostile, version=7, at=AT))

    assert read_entries(row, hostile) == {"features": {"x'] OR 1=1 --": None}}
    assert ask(engine, state_rows("taxi_eta", f"{ID}' OR '1'='1", since=AT, until=AT)) == []


def test_the_last_word_about_each_candidate_counts(engine: duckdb.DuckDBPyConnection) -> None:
    statement = state_outcomes("taxi_eta", ID, since=AT, until=AT + timedelta(hours=3))

    found = pick_last_word(FoundOutcome.model_validate(row) for row in ask(engine, statement))

    assert {candidate: one.value for candidate, one in found.items()} == {"near": 31.0, None: 44.0}
