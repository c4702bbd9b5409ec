"""What `land` says, and its exit status, when rows of a file were not kept."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from noriba.aws.ledger import ObjectState
from noriba.cli import data_commands
from noriba.cli.main import main
from noriba.records.snapshot import IngestedObject
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAYS_FIRST = {"unreadable_pickup_at": 300, "unreadable_dropoff_at": 299, "no_time": 300, "too_far": 2}

Land: TypeAlias = "Callable[..., tuple[int, str]]"


def describe(key: str, *, kept: int, reasons: dict[str, int]) -> ObjectState:
    record = IngestedObject(
        key=key,
        version_id="v",
        sequencer="",
        source="canonical trips",
        rows_read=300,
        rows_kept=kept,
        rows_quarantined=300 - kept,
        reasons=reasons,
        quarantine_keys=(f"{key}/v/chunk-00000.parquet",),
    )
    return ObjectState(status="kept", execution="e", record=record)


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Land:
    """`land(state, …)`: the exit status and what is said when files come to that."""

    def run(**states: ObjectState) -> tuple[int, str]:
        found = {f"taxi_eta/{name}.csv": state for name, state in states.items()}
        s3 = SimpleNamespace(upload_file=lambda *_: None, head_object=lambda **_: {"VersionId": "v"})
        session: Any = SimpleNamespace(
            use_case_name="taxi_eta",
            use_case=load_use_case("taxi_eta"),
            deployment=SimpleNamespace(raw_bucket="raw", quarantine_bucket="quarantine"),
            at={"data": SimpleNamespace(s3=s3)}.__getitem__,
            ledger=SimpleNamespace(find_object=lambda key, _version: found[key]),
        )
        monkeypatch.setattr(data_commands, "Session", lambda *_names: session)
        files = [tmp_path / f"{name}.csv" for name in states]
        for file in files:
            file.write_text("a\n1\n")
        monkeypatch.setattr(sys, "argv", ["noriba", "land", *map(str, files)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return run


def test_a_file_of_which_every_row_is_in_quarantine_is_told_as_that(land: Land) -> None:
    status, said = land(days_first=describe("taxi_eta/days_first.csv", kept=0, reasons=DAYS_FIRST))

    assert status == 1
    assert "taxi_eta/days_first.csv: all 300 rows are in quarantine; 300 for no_time: pickup or drop-off" in said
    assert "with zone or offset: 2023-01-31T17:05:00-05:00" in said
    assert "s3://quarantine/taxi_eta/days_first.csv/v/chunk-00000.parquet" in said


def test_a_reason_that_no_rule_gives_is_told_with_where_the_remedy_stands(land: Land) -> None:
    _status, said = land(a=describe("taxi_eta/a.csv", kept=0, reasons={"broken_line": 299, "too_far": 1}))

    assert "all 300 rows are in quarantine; 299 for broken_line: each row says what to do; the rows" in said


def test_refused_and_all_in_quarantine_is_nothing_kept(land: Land) -> None:
    refused = ObjectState(status="refused", execution="e", reason="the file is empty (0 bytes)")

    status, _said = land(a=describe("taxi_eta/a.csv", kept=0, reasons=DAYS_FIRST), b=refused)

    assert status == 1
