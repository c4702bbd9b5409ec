"""The command that newcomers type first, from outside: its report, its exit status, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from laptop.state import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHASES = [
    "synthesize templates",
    "start laptop cloud",
    "deploy stacks",
    "prepare trips",
    "land and ingest",
    "train and judge",
    "approve and roll out",
    "predict",
]


@dataclass(frozen=True)
class Home:
    """A place for a laptop cloud that is not the developer's own."""

    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return found

    def run(self, *words: str, program: str = "noriba", **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        kept["PATH"] = f"{PROJECT_ROOT / '.venv/bin'}:{kept['PATH']}"
        return subprocess.run(
            [program, *words],
            env={**kept, **variables, "NORIBA_HOME": str(self.folder)},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    def demo(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("demo", "--report", str(self.folder / "report.json"), *words)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    yield found
    found.run("down")


@pytest.fixture(scope="module")
def walked(home: Home) -> dict[str, Any]:
    """The report of a demo that went well, and whose cloud still runs."""
    done = home.demo("--rows", "8000", "--keep")
    assert done.returncode == 0, done.stderr
    return home.report


def test_the_report_says_what_was_seen(walked: dict[str, Any]):
    snapshot, model = walked["snapshot"], walked["model"]

    assert [phase["name"] for phase in walked["phases"]] == PHASES
    assert all(phase["seconds"] > 0 for phase in walked["phases"])
    assert [name.removeprefix("noriba-") for name in walked["stacks"]] == [
        "data",
        "events",
        "registry",
        "rollout",
        "serving",
        "training",
    ]
    assert snapshot["rows_read"] == 8000 == snapshot["rows_kept"] + snapshot["rows_quarantined"]
    assert model["version"] == 1
    assert model["metrics"].keys() >= {"mae_s", "rmse_s", "rmsle", "coverage", "baseline_mae_s"}
    assert len(model["deterministic_digest"]) == 64
    assert {answer["answer"]["model_version"] for answer in walked["predictions"]} == {1}
    assert all(answer["latency_ms"] > 0 for answer in walked["predictions"])
    assert 100 < walked["peak_memory_mib"] < 6 * 1024


def test_a_cloud_that_is_kept_is_found_by_the_other_commands(home: Home, walked: dict[str, Any]):
    status = json.loads(home.run("status", "--json").stdout)

    assert status["endpoint_url"] == walked["endpoint_url"]
    assert status["api_url"] == walked["api_url"]


def test_a_demo_does_not_end_a_cloud_that_it_did_not_start(home: Home, walked: dict[str, Any]):
    mark = home.folder / "laptop/kept-by-demo"
    mark.rename(home.folder / "mark")

    done = home.demo()

    (home.folder / "mark").rename(mark)
    assert done.returncode == 1
    assert f"a laptop cloud runs at {walked['endpoint_url']}; stop it first: noriba down" in done.stderr


def test_everything_can_be_torn_down_and_asking_twice_is_no_error(home: Home, walked: dict[str, Any]):
    account = {
        "AWS_ENDPOINT_URL": walked["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "laptop",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    removed = json.loads(home.run("teardown", "--yes", "--json").stdout)
    destroyed = home.run("destroy", "--all", "--force", "--app", str(home.folder / "cdk.out"), program="cdk", **account)
    again = home.run("teardown", "--yes", "--json")

    assert removed["endpoint noriba-taxi-eta"] == 3, "an endpoint, its configuration and its model"
    assert removed["models of taxi_eta"] == 1
    assert sum(removed.values()) > 10
    assert destroyed.returncode == 0, destroyed.stderr
    left = json.loads(home.run("cloudformation", "describe-stacks", program="aws", **account).stdout)["Stacks"]
    assert [stack["StackName"] for stack in left] == ["CDKToolkit"]
    assert json.loads(again.stdout) == {"endpoint noriba-taxi-eta": 0, "models of taxi_eta": 0}


def test_a_demo_that_fails_says_in_which_phase_and_why(home: Home, walked: dict[str, Any]):
    assert walked
    broken = home.folder / "green_tripdata_2023-01.parquet"
    broken.write_bytes(b"PAR1 is how it begins, but not how it goes on")

    done = home.demo("--trips", str(broken))

    assert done.returncode == 1
    assert "land and ingest: every file was refused" in done.stderr
    assert home.report["failed"]["phase"] == "land and ingest"
    assert "not readable as Parquet" in home.report["failed"]["cause"]
    assert [phase["name"] for phase in home.report["phases"]] == PHASES[:5]
    # It was not to be kept.
    assert json.loads(home.run("down", "--json").stdout) == {"stopped": False}
