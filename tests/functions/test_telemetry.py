"""What functions count, and where it can be looked up."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.telemetry import count
from noriba.records import metrics
from noriba.records.metrics import METRICS, ROWS_KEPT, ROWS_READ
from tests.functions.conftest import ENVIRONMENT, read_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
STANDS_FOR = {"predict_in_process": "predict"}
"""Deployed in another's place, under its name."""
FUNCTIONS = sorted({path.parent.name for path in (ROOT / "functions").glob("*/handler.py")} - STANDS_FOR.keys())


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_counts_of_one_moment_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    count("taxi_eta", {ROWS_READ: 5, ROWS_KEPT: 3})
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 1


def test_one_invocation_s_counts_are_not_the_next_one_s(capsys: pytest.CaptureFixture[str]) -> None:
    count("taxi_eta", {ROWS_READ: 5, ROWS_KEPT: 3})
    count("taxi_eta", {ROWS_READ: 2})
    count("scooter_energy", {ROWS_READ: 1})

    assert read_counts(capsys) == {"taxi_eta": {"RowsRead": 7, "RowsKept": 3}, "scooter_energy": {"RowsRead": 1}}


def list_programs(function: str) -> Iterator[ast.Module]:
    """Its handler, that of whoever stands for it, and what of its work they share."""
    for name in (function, *(one for one, other in STANDS_FOR.items() if other == function)):
        yield ast.parse((ROOT / "functions" / name / "handler.py").read_text(encoding="utf-8"))
    if function in STANDS_FOR.values():
        yield ast.parse((ROOT / "functions/predictions.py").read_text(encoding="utf-8"))


def list_counted(function: str) -> Iterator[metrics.Metric]:
    for program in list_programs(function):
        yield from list_counted_in(program)


def list_counted_in(tree: ast.Module) -> Iterator[metrics.Metric]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in {"count", "gauge"}:
            names = (node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name))
            yield from (getattr(metrics, name) for name in names if name.isupper())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_counts_what_is_its_own_to_count_and_all_of_it(function: str) -> None:
    declared = {metric for metric in METRICS if metric.function == function}

    assert declared
    assert set(list_counted(function)) == declared


def test_no_two_metrics_have_one_name() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {metric.function for metric in METRICS} == set(FUNCTIONS)


def test_the_manual_has_them_all() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    # Other tables have no function in their second column.
    assert [line for line in text.splitlines() if re.match(r"\| `\w+` \| `\w+` \| ", line)] == [
        f"| `{metric.name}` | `{metric.function}` | {metric.meaning} |" for metric in METRICS
    ]
