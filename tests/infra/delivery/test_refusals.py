"""What cannot be delivered is refused before anything is made, with the entry and what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.application import ROOT
from infra.delivery.application import build_delivery
from infra.delivery.checkout import _list_ignored, name_in_repository
from infra.settings_file import SettingsError
from infra.topology import TopologyError
from tests.infra.conftest import USE_CASES
from tests.infra.delivery.conftest import TOPOLOGY
from tests.infra.organisation.conftest import CHANGED
from tests.infra.topology.example import refuse


def refuse_delivery(folder: Path, **context: object) -> str:
    with pytest.raises(TopologyError) as refusal:
        build_delivery(context=context, outdir=str(folder / "out"), use_cases=USE_CASES)
    return str(refusal.value)


def change(folder: Path, *changes: tuple[str, str]) -> str:
    """The file of these tests with some texts in place of others."""
    text = CHANGED.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file = folder / "topology.toml"
    file.write_text(text)
    return str(file)


# --- of the application -----------------------------------------------------------------------------------------------


def test_another_kind_of_delivery(tmp_path: Path) -> None:
    said = refuse_delivery(tmp_path, delivery="jenkins", topology=TOPOLOGY)

    assert said == "-c delivery=jenkins: there is no such delivery; there are pipeline, github"


def test_a_delivery_of_no_topology(tmp_path: Path) -> None:
    assert "add -c topology=FILE" in refuse_delivery(tmp_path, delivery="pipeline")


def test_a_topology_that_says_nothing_of_delivery(tmp_path: Path) -> None:
    text = CHANGED.read_text()
    file = tmp_path / "topology.toml"
    file.write_text(text[: text.index("[delivery]")])

    said = refuse_delivery(tmp_path, delivery="pipeline", topology=str(file))

    assert said.startswith("topology.toml delivery: is missing; topology.example.toml shows ")


def test_a_setting_for_one_time(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="-c keep_data, prefix: holds for one synthesis, and a pipeline makes its"):
        build_delivery(context={"delivery": "pipeline", "prefix": "other", "keep_data": "true"}, outdir=str(tmp_path))


@pytest.mark.parametrize("kind", ["pipeline", "github"])
def test_an_account_that_is_not_made_yet(tmp_path: Path, kind: str) -> None:
    """Its id is known when the organisation is deployed."""
    file = change(tmp_path, ('id = "900000000003"', 'email = "training@changed.example.org"'))

    said = refuse_delivery(tmp_path, delivery=kind, topology=file)

    assert said.startswith("accounts.a-training.id: is missing, and delivery has to know it; write what the stack ")
    assert "trial-organisation printed" in said


def test_a_pipeline_without_a_connection(tmp_path: Path) -> None:
    connection = re.findall(r'connection = "arn.*"\n', CHANGED.read_text())[0]
    file = change(tmp_path, (connection, ""))

    assert refuse_delivery(tmp_path, delivery="pipeline", topology=file).startswith("delivery.connection: is missing")
    # GitHub comes to AWS, and not the other way round.
    build_delivery(context={"delivery": "github", "topology": file}, outdir=str(tmp_path / "github"))


def test_a_topology_that_the_pipeline_could_not_find(tmp_path: Path) -> None:
    said = refuse_delivery(tmp_path, delivery="pipeline", topology=change(tmp_path))

    assert "topology.toml: is not in the repository, and a pipeline knows nothing else; commit it" in said


@pytest.mark.parametrize("name", ["no-such-file.toml", "../elsewhere.toml", "tests", "noriba.toml"])
def test_settings_that_are_not_in_the_repository(tmp_path: Path, name: str) -> None:
    file = change(tmp_path, ("tests/infra/delivery/production.toml", name))

    said = refuse_delivery(tmp_path, delivery="pipeline", topology=file)

    assert said.startswith(f"delivery.production.settings: there is no file {name} in the repository; ")


def test_somebody_s_own_files_are_in_no_clone() -> None:
    """As .gitignore has them, should they be there."""
    assert name_in_repository(Path("noriba.example.toml")) == "noriba.example.toml"
    assert name_in_repository(ROOT / "topology.example.toml") == "topology.example.toml"
    assert {"noriba.toml", "enterprise.toml"} <= _list_ignored()


def test_cdk_ends_with_what_is_wrong() -> None:
    context = {"topology": "topology.example.toml", "delivery": "jenkins"}
    environment = {**os.environ, "NORIBA_SETTINGS": "", "CDK_CONTEXT_JSON": json.dumps(context)}
    command = [sys.executable, "-m", "infra.app"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Noriba's topology:\n-c delivery=jenkins: there is no such delivery" in done.stderr
    assert "Traceback" not in done.stderr


# --- of the file ------------------------------------------------------------------------------------------------------

DELIVERY = "[delivery.development]\naccount = "
REFUSALS = {
    "an account of nobody": (
        (f'{DELIVERY}"development"', f'{DELIVERY}"developmnt"'),
        "delivery.development.account: developmnt is no account of this organisation (there are governance, ",
    ),
    "two environments in one account": (
        (f'{DELIVERY}"development"', f'{DELIVERY}"staging"'),
        "delivery: development and staging are both in staging, where the second would find its names taken",
    ),
    "a repository without an owner": (
        ('repository = "example/noriba"', 'repository = "noriba"'),
        "delivery.repository: 'noriba' is no repository; write it as owner/name",
    ),
    "a branch that is an option": (
        ('branch = "main"', 'branch = "--upload-pack=touch"'),
        "delivery.branch: '--upload-pack=touch' is no name of a branch",
    ),
    "something that is no connection": (
        ("arn:aws:codeconnections:ap-northeast-1:333333333333:connection/", "arn:aws:codecommit:"),
        "delivery.connection: ",
    ),
    "nobody who approves": (
        ('approvers = ["releases@example.com"]', "approvers = []"),
        "delivery.approvers: ",
    ),
    "one id of two": (
        ("owner_id = 1234567\n", ""),
        "delivery.github: owner_id and repository_id go together; write both or neither",
    ),
    "a provider in an account of nobody": (
        ("provider_in = []", 'provider_in = ["elsewhere"]'),
        "delivery.github.provider_in: elsewhere is no account of this organisation",
    ),
    "an entry that does not exist": (
        ('branch = "main"', 'brunch = "main"'),
        "delivery.brunch: there is no such entry; topology.example.toml lists them all",
    ),
}


@pytest.mark.parametrize("mistake", REFUSALS)
def test_a_mistake_in_the_file_is_told_with_its_entry(tmp_path: Path, mistake: str) -> None:
    (old, new), expected = REFUSALS[mistake]
    [said] = refuse(tmp_path, (old, new))

    assert said.startswith(expected)
