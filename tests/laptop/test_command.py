"""The command from outside: what newcomers type, what it answers, its exit status, and what it leaves behind."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import stat
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest
import typer

from laptop import clock_commands, clouds, commands
from laptop.state import choose_settings
from tests.laptop.home import Home
from usecases.taxi_eta.simulator import simulate, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PHASES = [
    "synthesize templates",
    "start laptop cloud",
    "deploy stacks",
    "prepare trips",
    "land and ingest",
    "train and evaluate",
    "approve and roll out",
    "predict",
    "list resources",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, share_wheels: Callable[[Path], None]) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    share_wheels(found.folder)
    yield found
    found.run("down")


@pytest.fixture(scope="module")
def walked(home: Home) -> dict[str, Any]:
    """The report of a demo that went well, and whose cloud still runs."""
    done = home.demo("--rows", "8000", "--keep")
    assert done.returncode == 0, done.stderr
    return {**home.report, "files": sorted(map(str, (home.folder / "demo").iterdir()))}


def test_the_report_says_what_was_seen(walked: dict[str, Any]) -> None:
    snapshot, model = walked["snapshot"], walked["model"]

    assert [phase["name"] for phase in walked["phases"]] == PHASES
    assert all(phase["seconds"] > 0 for phase in walked["phases"])
    assert [name.removeprefix("noriba-") for name in walked["stacks"]] == [
        "data",
        "events",
        "monitoring",
        "observations",
        "operators",
        "people",
        "registry",
        "rollout",
        "serving",
        "training",
    ]
    assert snapshot["rows_read"] == 8000 == snapshot["rows_kept"] + snapshot["rows_quarantined"]
    assert model["version"] == 1
    assert model["metrics"].keys() >= {"mae", "rmse", "rmsle", "coverage", "baseline_mae"}
    assert len(model["deterministic_digest"]) == 64
    assert {answer["answer"]["model_version"] for answer in walked["predictions"]} == {1}
    assert all(answer["latency_ms"] > 0 for answer in walked["predictions"])
    resources = [tuple(one.values()) for one in walked["resources"]]
    assert resources == sorted(set(resources))
    assert {one["account"] for one in walked["resources"]} == {"123456789012"}
    assert ("123456789012", "AWS::SageMaker::Endpoint", "noriba-taxi-eta") in resources
    assert {one["type"] for one in walked["resources"]} >= {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::SageMaker::ModelPackage",
        "AWS::StepFunctions::StateMachine",
        "sagemaker:training-job",
    }
    assert 100 < walked["peak_memory_mib"] < 6 * 1024


def test_a_cloud_that_is_kept_is_found_by_the_other_commands(home: Home, walked: dict[str, Any]) -> None:
    status = home.read("status")

    assert status["endpoint_url"] == walked["endpoint_url"]
    assert status["api_url"] == walked["api_url"]


def test_another_port_than_the_cloud_s_is_not_taken_for_granted(home: Home, walked: dict[str, Any]) -> None:
    done = home.run("up", "--port", "4567")

    assert done.returncode == 1
    assert f"a laptop cloud runs at {walked['endpoint_url']}; leave --port out, or stop it: noriba down" in done.stderr


def test_what_a_person_reads_is_readable(home: Home, walked: dict[str, Any]) -> None:
    status, model = home.run("status").stdout, home.run("models", "1").stdout
    missing, log = home.run("datasets", "nosnap"), home.run("logs", "ingest").stdout

    assert "1 succeeded" in status
    assert not set("{}[]") & set(status)
    assert walked["snapshot"]["id"] in model
    assert not set("{}") & set(model)
    assert "no snapshot 'nosnap' of taxi_eta; `noriba datasets` lists those there are" in missing.stderr
    assert log.strip()


def test_nothing_is_torn_down_without_the_prefix_typed(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    done = home.run("teardown", stdin="no\n")

    assert done.returncode == 2
    assert "all data and models of noriba in account 123456789012, region us-east-1" in done.stdout
    assert "nothing was deleted" in done.stderr


def test_a_header_with_brackets_is_a_header(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    (home.folder / "brackets.csv").write_text("pickup_at,distance [/km],[bold]\n1,2,3\n")

    landed = home.run("land", str(home.folder / "brackets.csv"))

    assert landed.returncode == 1
    assert "distance [/km]" in landed.stdout
    assert home.run("datasets").returncode == 0


def test_landed_files_lead_to_a_candidate_that_a_person_decides_on(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    more = home.folder / "more"
    trips = write_files(simulate(1_500, seed=3, first_day=date(2026, 3, 9), days=14), more)
    (more / "empty.csv").write_text("pickup_at\n")

    landed = home.read("land", *map(str, trips), str(more / "empty.csv"))
    # By itself, the next training would wait for the cooldown.
    home.read("retrain")
    candidate = home.wait_for_candidate(landed["snapshot_id"])
    home.read("reject", str(candidate["version"]), "--note", "not on a Friday")
    rejected = home.find_model(candidate["version"])
    approved = home.read("approve", str(candidate["version"]))

    assert landed["objects"]["taxi_eta/empty.csv"]["status"] == "refused"
    assert "no rows" in landed["objects"]["taxi_eta/empty.csv"]["reason"]
    assert candidate["metrics"]["champion_mae"] > 0, "it was evaluated beside the champion"
    assert (rejected["status"], rejected["note"]) == ("Rejected", "not on a Friday")
    # Nobody asks here, so nothing would ever be known of it: a person lets it pass, stage by stage.
    assert not approved["in_production"]
    assert [step["stage"] for step in home.read("rollout", "status")["steps"]] == ["staging", "shadow"]
    home.promote(candidate["version"])
    assert home.read("predict")["answer"]["model_version"] == candidate["version"] == 2


def test_landing_what_was_there_before_brings_its_snapshot_back(home: Home, walked: dict[str, Any]) -> None:
    landed = home.read("land", *walked["files"])

    assert landed["snapshot_id"] == home.read("status")["snapshot"] == walked["snapshot"]["id"]


def test_where_no_row_is_good_there_is_no_snapshot(home: Home, walked: dict[str, Any]) -> None:
    table = pyarrow.parquet.read_table(walked["files"][0]).slice(0, 50)
    backwards = table.set_column(table.column_names.index("dropoff_at"), "dropoff_at", table["pickup_at"])
    pyarrow.parquet.write_table(backwards, home.folder / "backwards.parquet")

    done = home.run("land", str(home.folder / "backwards.parquet"), "--json")

    landed = json.loads(done.stdout)
    assert done.returncode == 1
    assert "all 50 rows are in quarantine; 50 for ends_before_it_begins: drop-off does not follow" in done.stderr
    assert landed["snapshot_id"] is None
    assert landed["objects"]["taxi_eta/backwards.parquet"]["record"]["rows_quarantined"] == 50


def test_where_every_file_is_refused_landing_fails(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    (home.folder / "notes.csv").write_text("dear diary\n1\n")

    done = home.run("land", str(home.folder / "notes.csv"))

    assert done.returncode == 1
    assert "refused" in done.stdout


def test_a_demo_does_not_end_a_cloud_that_it_did_not_start(home: Home, walked: dict[str, Any]) -> None:
    """Not even where an earlier demo of this folder left its mark."""
    mark = home.folder / "laptop/started-by-demo"
    ours = mark.read_text()
    mark.write_text("1")

    before = home.report
    done = home.demo()

    mark.write_text(ours)
    assert done.returncode == 1
    assert home.report == before, "a demo that did not begin has nothing to report"
    assert f"a laptop cloud runs at {walked['endpoint_url']}; stop it first: noriba down" in done.stderr


@pytest.mark.parametrize("words", [("up",), ("demo", "--report", "taken.json")])
def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Before the templates are made, and in one line."""
    elsewhere = Home(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = tuple(str(tmp_path / word) if word.endswith(".json") else word for word in words)

        done = elsewhere.run(*words, "--port", str(port))

    assert done.returncode == 1
    assert f"port {port} is taken (Address already in use); give another --port, or none" in done.stderr
    assert "Traceback" not in done.stderr
    assert "report:" not in done.stderr, "of a demo that did not begin there is none"
    assert not (tmp_path / "cdk.out").exists()


def test_a_demo_does_not_end_another_that_is_under_way(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("{}")
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        done = Home(tmp_path).run("demo", "--report", str(report))

    assert done.returncode == 1
    assert f"another demo is under way in {tmp_path}; wait for it, or set NORIBA_HOME" in done.stderr
    assert "report:" not in done.stderr
    assert report.read_text() == "{}"
    assert not (tmp_path / "cdk.out").exists()


@pytest.mark.parametrize(
    ("use_case", "said"), [("taxi_eta", "noriba status, "), ("scooter_energy", "status -u scooter_")]
)
def test_what_to_try_next_is_of_the_use_case_that_was_walked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], use_case: str, said: str
) -> None:
    monkeypatch.setattr(commands, "find_cloud", lambda: SimpleNamespace(endpoint_url="http://127.0.0.1:1"))

    commands.print_next_step(use_case, keep=True)

    assert said in capsys.readouterr().out


@pytest.mark.parametrize("words", [["clock"], ["clock", "--by", "1"], ["up", "--clock", "2026-03-01T00:00:00Z"]])
def test_a_cloud_of_real_time_that_is_to_have_a_clock_is_told_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    cloud = SimpleNamespace(endpoint_url="http://127.0.0.1:1", port=1, clock=None, pid=1)
    for module in (clouds, clock_commands):
        monkeypatch.setattr(module, "find_cloud", lambda: cloud)
    monkeypatch.setattr(commands, "make_private_home", lambda: tmp_path)
    app = typer.Typer()
    commands.add_commands(app)

    with pytest.raises(SystemExit) as end:
        app(words)

    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "lives in real time" in said
    assert "noriba down (what it holds is gone), then noriba up --clock TIME" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [('rolout = "direct"\n', "mine.toml rolout: no such setting; did you mean rollout?"), (None, "there is no file")],
    ids=["of a faulty file", "of none"],
)
def test_settings_that_somebody_named_for_the_laptop_hold(tmp_path: Path, content: str | None, said: str) -> None:
    settings = tmp_path / "mine.toml"
    if content is not None:
        settings.write_text(content)

    done = Home(tmp_path).run("up", NORIBA_SETTINGS=str(settings))

    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "laptop").exists()


def test_settings_for_an_account_of_aws_do_not_hold_on_the_laptop() -> None:
    assert choose_settings({"AWS_REGION": "eu-west-1"}) == {"NORIBA_SETTINGS": ""}
    assert choose_settings({"NORIBA_SETTINGS": "mine.toml"}) == {"NORIBA_SETTINGS": "mine.toml"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scenario", "faults", "--only", "plague"), "no fault plague; there are crashes-on-load"),
        (("--only", "slow"), "names faults of --scenario faults"),
        (("--scenario", "drift", "--topology", "enterprise"), "drift is walked in one account; leave --topology out"),
    ],
)
def test_what_cannot_be_walked_is_told_at_once(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = Home(tmp_path).run("demo", *words, COLUMNS="300")

    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "cdk.out").exists()


def test_what_the_laptop_cloud_keeps_is_for_nobody_else_s_eyes(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home.folder, home.folder / "laptop")] == [0o700, 0o700]


def test_an_interrupted_demo_says_so_in_its_report_and_leaves_nothing_running(tmp_path: Path) -> None:
    elsewhere, report = Home(tmp_path), tmp_path / "report.json"
    with elsewhere.start("demo", "--report", str(report)) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "synthesize templates (" in line:
                break
        demo.send_signal(signal.SIGINT)
        said = demo.stderr.read()

    assert demo.returncode == 130
    assert "interrupted" in said
    assert json.loads(report.read_text())["failed"]["cause"] == "interrupted"
    assert elsewhere.read("down") == {"stopped": False}


def test_everything_can_be_torn_down_and_asking_twice_is_no_error(home: Home, walked: dict[str, Any]) -> None:
    account = {
        "AWS_ENDPOINT_URL": walked["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "laptop",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    removed = home.read("teardown", "--yes")
    destroyed = home.run("destroy", "--all", "--force", "--app", str(home.folder / "cdk.out"), program="cdk", **account)
    again = home.read("teardown", "--yes")

    assert removed["endpoint noriba-taxi-eta"] >= 3, "an endpoint, its configuration and its model"
    assert removed["models of taxi_eta"] == 2
    assert sum(removed.values()) > 10
    assert destroyed.returncode == 0, destroyed.stderr
    left = json.loads(home.run("cloudformation", "describe-stacks", program="aws", **account).stdout)["Stacks"]
    assert [stack["StackName"] for stack in left] == ["CDKToolkit"]
    assert {"endpoint noriba-taxi-eta", "models of taxi_eta"} <= set(again)
    assert set(again.values()) == {0}


def test_a_demo_that_fails_says_in_which_phase_and_why(home: Home, walked: dict[str, Any]) -> None:
    assert walked
    broken = home.folder / "green_tripdata_2023-01.parquet"
    broken.write_bytes(b"PAR1 is how it begins, but not how it goes on")

    done = home.demo("--trips", str(broken))

    assert done.returncode == 1
    assert "land and ingest: no row of any file was kept" in done.stderr
    assert home.report["failed"]["phase"] == "land and ingest"
    assert "not readable as Parquet" in home.report["failed"]["cause"]
    assert [phase["name"] for phase in home.report["phases"]] == PHASES[:5]
    # It was not to be kept.
    assert home.read("down") == {"stopped": False}
