"""Observations: lines into Parquet, a day of it gathered for training, and asked by SQL; the peer reads the lines."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np

from benchmarks.clock import time_in_turn
from noriba.aws.compaction import Compaction
from noriba.aws.gathering import TrafficGathering
from noriba.aws.observations import Lines
from noriba.events import OutcomeObserved
from noriba.features import as_column
from noriba.monitoring.accuracy import state_accuracy
from noriba.records.captures import name_capture_folder, name_outcome_folder
from noriba.records.inference import ModelAnswer, encode_answer, encode_columns
from noriba.records.observations import TABLES
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from noriba.aws.ledger import Ledger
    from noriba.aws.objects import ObjectStore

ENDPOINT, USE_CASE, VARIANT = "noriba-taxi-eta", "taxi_eta", "v1"
FIRST = datetime(2026, 7, 1, tzinfo=UTC)
HOURS = 24
LINES = 3_000
"""Requests an hour; every second one has an outcome."""
RUNS = 3


class Folder:
    """A folder as a bucket."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, key: str) -> bytes:
        """An object's content."""
        return (self.root / key).read_bytes()

    def write(self, key: str, content: bytes, *, notes: Mapping[str, str] | None = None) -> str:
        """Write an object; what is noted on it is not needed here."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return "" if notes is None else str(notes)

    def read_notes(self, key: str) -> dict[str, str]:
        """No object was written before."""
        raise KeyError(key)

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys under a prefix, in order."""
        keys = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        return (key for key in keys if key.startswith(prefix) and key > after)

    def find(self, key: str) -> bytes | None:
        """An object's content, if there is one."""
        return self.read(key) if (self.root / key).exists() else None

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Folders right under a prefix."""
        return iter(sorted(path.name for path in (self.root / prefix).iterdir()))

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


class NothingErased:
    """A ledger that knows of no erasure."""

    def find_erasure(self, _key: str) -> None:
        """None."""


def run() -> None:
    """Print what a day weighs, how fast it is compacted and gathered, and seconds of a question to either side."""
    with tempfile.TemporaryDirectory() as scratch:
        captures, outcomes, tables = (Folder(Path(scratch, name)) for name in ("captures", "outcomes", "tables"))
        _fill(captures, outcomes)
        buckets = cast("tuple[ObjectStore, ObjectStore, ObjectStore]", (captures, outcomes, tables))
        compaction = Compaction(*buckets, endpoint=ENDPOINT, use_case=USE_CASE)
        until = FIRST + timedelta(hours=HOURS)
        due = compaction.find_due(since=FIRST, before=until)
        [once] = time_in_turn(lambda: None, lambda: [compaction.compact(one) for one in due], runs=1).theirs_s
        lines, weight = HOURS * LINES * 1.5, captures.size + outcomes.size
        print(
            f"  compacted  {lines / once:>10,.0f} lines a second; {weight / 1e6:.0f} MB become {tables.size / 1e6:.0f}"
        )
        _gather(tables, Folder(Path(scratch, "raw")))
        pair = time_in_turn(lambda: _ask_sql(tables), lambda: _read_lines(*buckets[:2]), runs=RUNS)
        print(f"  SQL        {min(pair.ours_s):>10.2f} s a question about {HOURS * LINES:,} predictions")
        print(f"  lines      {min(pair.theirs_s):>10.2f} s a question")
        print(f"  ratio      {pair.ratio:>10.1f} × reading lines")


def _gather(tables: Folder, raw: Folder) -> None:
    buckets = cast("tuple[ObjectStore, ObjectStore]", (tables, raw))
    gathering = TrafficGathering(*buckets, cast("Ledger", NothingErased()), load_use_case(USE_CASE))
    until = FIRST + timedelta(hours=HOURS)
    [once] = time_in_turn(lambda: None, lambda: gathering.gather(FIRST.date(), until=until), runs=1).theirs_s
    print(f"  gathered   {once:>10.2f} s a day of {HOURS * LINES // 2:,} rows; {raw.size / 1e6:.1f} MB")


def _fill(captures: Folder, outcomes: Folder) -> None:
    noise = np.random.default_rng(1)
    features = load_use_case(USE_CASE).features
    for hour in (FIRST + timedelta(hours=number) for number in range(HOURS)):
        captured, reported = [], []
        for number in range(LINES):
            prediction_id, value = f"{hour:%d%H}-{number:08d}-0000-0000", float(noise.normal(900, 200))
            columns, inputs = (
                {name: as_column([noise.normal()]) for name in names}
                for names in (features.identities, features.inputs)
            )
            asked = encode_columns(columns, inputs=inputs)
            answered = encode_answer(ModelAnswer((value - 90,), (value,), (value + 90,), 0.8, "digest"))
            sides = (("endpointInput", asked), ("endpointOutput", answered))
            body = {side: {"encoding": "JSON", "data": data.decode()} for side, data in sides}
            metadata = {"inferenceId": prediction_id, "inferenceTime": hour.isoformat()}
            captured.append(json.dumps({"captureData": body, "eventMetadata": metadata}))
            if number % 2:
                outcome = OutcomeObserved(
                    use_case=USE_CASE, prediction_id=prediction_id, value=value + noise.normal(0, 60), observed_at=hour
                )
                reported.append(json.dumps({"time": hour.isoformat(), "detail": outcome.model_dump(mode="json")}))
        captures.write(f"{name_capture_folder(ENDPOINT, VARIANT, hour)}a.jsonl", "\n".join(captured).encode())
        outcomes.write(f"{name_outcome_folder(hour)}a", "\n".join(reported).encode())


def _ask_sql(tables: Folder) -> list[tuple[float, ...]]:
    until = FIRST + timedelta(hours=HOURS)
    statement = state_accuracy(USE_CASE, since=FIRST, until=until, now=until)
    with duckdb.connect() as engine:
        for table in TABLES:
            files = tables.root / table.name / "**" / "*.parquet"
            types = "{'use_case': VARCHAR, 'day': VARCHAR, 'hour': INTEGER}"
            read = f"read_parquet('{files}', hive_partitioning = true, hive_types = {types})"
            engine.execute(f"CREATE VIEW {table.name} AS SELECT * FROM {read}")  # noqa: S608  # our own words
        found: list[tuple[float, ...]] = engine.execute(statement.text, list(statement.values)).fetchall()
    return found


def _read_lines(captures: ObjectStore, outcomes: ObjectStore) -> float:
    lines = Lines()
    reports: Iterable[OutcomeObserved] = lines.read_outcomes(outcomes, outcomes.list_keys(""), use_case=USE_CASE)
    truth = {one.prediction_id: one.value for one in reports}
    answers = lines.read_answers(captures, captures.list_keys(""))
    errors = [abs(one.answer.value[0] - truth[one.prediction_id]) for one in answers if one.prediction_id in truth]
    return float(np.mean(errors))
