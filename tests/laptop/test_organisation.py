"""A topology on the laptop: which account each part is asked in, and how commands find it."""

from __future__ import annotations

import re
import stat
import tomllib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from laptop import clouds
from laptop.organisation import (
    TopologyError,
    describe_environment,
    find_organisation,
    keep_organisation,
    read_organisation,
    read_topology,
)
from laptop.replay import open_outcome_bus
from laptop_cloud.process import CloudError, RunningCloud
from noriba.aws.places import Places
from noriba.events import OutcomeObserved

if TYPE_CHECKING:
    from pathlib import Path

    from laptop.organisation import Topology

ID = "e357f4c9-1088-4a13-a308-d3df6ab3584a"
CLOUD = RunningCloud(
    pid=17,
    port=4999,
    endpoint_url="http://127.0.0.1:4999",
    account="111111111111",
    region="ap-northeast-1",
    started_at=datetime(2026, 7, 1, tzinfo=UTC),
)
FILE = """
[organisation]
management = "111111111111"
[regions]
home = "ap-northeast-1"
[accounts.governance]
id = "333333333333"
[accounts.data]
id = "444444444444"
[accounts.production]
id = "777777777777"
[accounts.logs]
email = "logs@example.com"
[parts]
data = "data"
observations = "data"
training = "data"
events = "governance"
registry = "governance"
staging = "production"
serving = "production"
rollout = "production"
monitoring = "production"
operators = "production"
trail_logs = "logs"
"""


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    (tmp_path / "mine.toml").write_text(FILE)
    return read_topology(str(tmp_path / "mine.toml"), tmp_path)


def test_each_part_is_asked_in_its_account_and_by_nobody_else_s_credentials(
    topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the laptop cloud tells accounts apart: the access key is the account."""
    monkeypatch.setenv("NORIBA_PROFILES", "data=somebody-else")
    keep_organisation(CLOUD, topology.organisation, tmp_path)
    environment = describe_environment(CLOUD, tmp_path)
    places = Places(environment)

    asked = {part: read_account(places.at(part)) for part in topology.organisation.parts}
    parts = tomllib.loads(FILE)["parts"]
    assert asked == {part: tomllib.loads(FILE)["accounts"][parts[part]]["id"] for part in parts if part != "trail_logs"}
    assert read_account(places.at("people")) == "333333333333"
    assert environment["AWS_ACCESS_KEY_ID"] == "111111111111"
    assert {places.at(part).s3.meta.endpoint_url for part in topology.organisation.parts} == {CLOUD.endpoint_url}
    assert stat.S_IMODE((tmp_path / "aws.config").stat().st_mode) == 0o600


def read_account(clients: Any) -> str:
    """Whose role the management account's key takes before requests are signed."""
    session = clients._session._session
    profile = session.get_scoped_config()
    home = session.full_config["profiles"][profile["source_profile"]]
    assert home["aws_access_key_id"] == "111111111111"
    account, role = re.fullmatch(r"arn:aws:iam::(\d{12}):role/(.+)", profile["role_arn"]).groups()  # type: ignore[union-attr]
    assert role == "Administrator"
    return str(account)


def test_the_management_account_is_asked_by_its_own_key(tmp_path: Path) -> None:
    """It takes no role of its own: guardrails do not bind it."""
    (tmp_path / "mine.toml").write_text(FILE.replace("444444444444", "111111111111"))
    keep_organisation(CLOUD, read_topology(str(tmp_path / "mine.toml"), tmp_path).organisation, tmp_path)
    places = Places(describe_environment(CLOUD, tmp_path))

    credentials = places.at("data")._session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "111111111111"
    assert read_account(places.at("registry")) == "333333333333"


def test_outcomes_are_told_on_the_bus_of_the_api_s_account() -> None:
    """That of the hub has no rule for them: they stay where they were told."""
    told: list[dict[str, Any]] = []

    def put_events(**given: Any) -> dict[str, Any]:
        told.append(given)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}

    deployment = SimpleNamespace(bus_name="noriba")
    accounts = {"serving": SimpleNamespace(events=SimpleNamespace(put_events=put_events))}
    session: Any = SimpleNamespace(at=accounts.__getitem__, deployment=deployment)
    outcome = OutcomeObserved(use_case="taxi_eta", prediction_id=ID, observed_at=CLOUD.started_at, value=9.0)

    open_outcome_bus(session).publish_all([outcome])

    [entry] = told[0]["Entries"]
    assert (entry["EventBusName"], entry["DetailType"]) == ("noriba", "OutcomeObserved")


def test_another_cloud_in_the_same_folder_is_no_organisation(topology: Topology, tmp_path: Path) -> None:
    keep_organisation(CLOUD, topology.organisation, tmp_path)
    other = CLOUD.model_copy(update={"started_at": datetime(2026, 7, 2, tzinfo=UTC)})

    assert find_organisation(CLOUD, tmp_path) == topology.organisation
    assert find_organisation(other, tmp_path) is None
    assert describe_environment(other, tmp_path) == other.environment


def test_the_word_enterprise_is_one_s_own_file_before_the_example(tmp_path: Path) -> None:
    (tmp_path / "topology.example.toml").write_text(FILE)
    example = read_topology("enterprise", tmp_path)
    (tmp_path / "enterprise.toml").write_text(FILE)

    assert example.file.name == "topology.example.toml"
    assert read_topology("enterprise", tmp_path).file.name == "enterprise.toml"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('id = "444444444444"', 'email = "data@example.com"', "accounts.data.id: is missing; on the laptop any twelve"),
        ('id = "444444444444"', 'id = "44"', "mine.toml accounts.data: String should match pattern"),
        ('training = "data"\n', "", "mine.toml lacks the entry 'training'; topology.example.toml shows it"),
        ('training = "data"', 'training = "nowhere"', "mine.toml lacks the entry 'nowhere'"),
        ("[organisation]", "[organization]", "mine.toml lacks the entry 'organisation'"),
        ("[parts]", "parts", "mine.toml is not TOML"),
    ],
)
def test_what_a_topology_lacks_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in FILE
    (tmp_path / "mine.toml").write_text(FILE.replace(before, after))

    with pytest.raises(TopologyError, match=said.replace("[", r"\[")):
        read_organisation(tmp_path / "mine.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"--topology none\.toml: there is no file .*none\.toml; copy"):
        read_topology("none.toml", tmp_path)


def test_a_cloud_that_runs_for_other_accounts_is_left_alone(
    topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clouds, "find_cloud", lambda: CLOUD)
    monkeypatch.setattr(clouds, "STATE_DIR", tmp_path)

    assert clouds.check_place(None) == CLOUD
    with pytest.raises(CloudError, match="noriba down"):
        clouds.check_place(None, topology)
    keep_organisation(CLOUD, topology.organisation, tmp_path)
    assert clouds.check_place(None, topology) == CLOUD
    with pytest.raises(CloudError, match="was started for other accounts, or for one alone"):
        clouds.check_place(None)
