"""The organisation's stacks: where they go, what the checkers say, and that every entry of the file is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from infra.application import ROOT
from infra.topology import Topology, read_topology
from tests.infra.assembly import read_acknowledgements
from tests.infra.organisation.conftest import CHANGED, find_environments, read_artifacts
from tests.infra.topology.example import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.assembly import Assembly

BIN = Path(sys.executable).parent
STACKS = ("access", "budgets", "catalogue", "delegation", "guardrails", "organisation", "trail", "trail-logs")
PACKS = ("AwsSolutions", "NIST.800.53.R5")


def read_reports(found: Assembly) -> dict[str, dict[str, Any]]:
    reports = json.loads((found.path / "validation-report.json").read_text())["pluginReports"]
    return {report["pluginName"]: report for report in reports if report["pluginName"] in PACKS}


# --- where they go ----------------------------------------------------------------------------------------------------


def test_with_a_topology_there_are_the_organisation_s_stacks_and_none_of_the_loop(organisation: Assembly) -> None:
    assert sorted(find_environments(organisation)) == sorted(STACKS)


def test_each_goes_to_one_account_at_home(organisation: Assembly, changed: Assembly) -> None:
    for found, management, logs, home in (
        (organisation, "111111111111", "222222222222", "ap-northeast-1"),
        (changed, "900000000000", "900000000012", "eu-central-1"),
    ):
        environments = find_environments(found)

        assert environments.pop("trail-logs") == f"aws://{logs}/{home}"
        assert set(environments.values()) == {f"aws://{management}/{home}"}


def test_stacks_wait_for_what_they_need(organisation: Assembly) -> None:
    waits = {
        name: {one.removeprefix("noriba-") for one in artifact["dependencies"]} & set(STACKS)
        for name, artifact in read_artifacts(organisation).items()
    }

    assert waits == {
        "organisation": set(),
        "trail-logs": {"organisation"},
        "trail": {"trail-logs"},
        "guardrails": {"organisation"},
        "delegation": {"organisation"},
        "budgets": {"organisation"},
        "access": {"organisation"},
        "catalogue": {"organisation"},
    }


def test_cdk_ends_with_what_is_wrong_with_a_topology() -> None:
    # As `cdk` hands over what `-c` gave.
    environment = {**os.environ, "NORIBA_SETTINGS": "", "CDK_CONTEXT_JSON": json.dumps({"topology": "nowhere.toml"})}
    command = [sys.executable, "-m", "infra.app"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Noriba's topology:\n-c topology=nowhere.toml: there is no file" in done.stderr
    assert "Traceback" not in done.stderr


# --- the checkers -----------------------------------------------------------------------------------------------------


def test_cfn_lint_has_nothing_to_say(organisation: Assembly) -> None:
    """By what CloudFormation knows in the home region, of the products' templates too."""
    command = [f"{BIN}/cfn-lint", "--config-file", f"{ROOT}/.cfnlintrc.yaml", "--format", "json"]
    options = ["--regions", "ap-northeast-1", "--template", f"{organisation.path}/*.template.json"]
    found = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)

    assert json.loads(found.stdout) == [], found.stderr


@pytest.mark.parametrize("pack", PACKS)
def test_cdk_nag_has_nothing_left_to_say(organisation: Assembly, changed: Assembly, pack: str) -> None:
    for found in (organisation, changed):
        report = read_reports(found)[pack]

        assert report["conclusion"] == "success"
        assert report["violations"] == []


def test_every_finding_that_stands_has_a_reason(organisation: Assembly) -> None:
    for report in read_reports(organisation).values():
        for finding in report["suppressedViolations"]:
            assert len(finding["reason"].split()) >= 4, finding["acknowledgedId"]


def test_every_acknowledgement_is_of_a_finding(organisation: Assembly) -> None:
    declared, matched = read_acknowledgements(organisation.path, read_reports(organisation).values())

    # A finding only where the buckets that it logs stand in other stacks, as in the loop.
    assert declared - matched == {("noriba-trail-logs/AccessLogs/Bucket", "AwsSolutions::AwsSolutions-S1")}
    assert matched <= declared


# --- every entry is read ----------------------------------------------------------------------------------------------


def walk_values(value: Any, entry: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a file with the entry that it stands in, without numbers of lists and names of tables."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk_values(item, f"{entry}.{name}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from walk_values(item, entry)
    else:
        yield entry, value


def list_fields(model: type[BaseModel]) -> set[str]:
    """The names of all fields that a topology has, of its tables too."""
    found: set[str] = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= list_fields(inner)
    return found


def test_the_changed_file_gives_every_entry_another_value() -> None:
    usual, other = (dict(walk_values(tomllib.loads(file.read_text()))) for file in (EXAMPLE, CHANGED))
    entries = {part for entry in other for part in entry.split(".")}

    assert list_fields(Topology) <= entries
    assert not set(usual.values()) & set(other.values())


def test_every_value_of_the_file_is_found_in_what_is_deployed(changed: Assembly) -> None:
    """A field that nothing reads is a lie."""
    topology = read_topology(CHANGED)
    text = "".join(file.read_text() for file in changed.path.glob("*.template.json"))
    text += json.dumps(find_environments(changed))
    # Names of accounts lead to ids; the id of an account that was made is only checked.
    aliases: dict[Any, Any] = {
        "scooter_energy": "trial-scooter-energy",
        3653: '"Days": 3653',
        "900000000013": "MadeAccount",
    }
    aliases |= {name: account.id for name, account in topology.accounts.items() if account.email is None}
    aliases["made"] = "MadeAccount"

    # `delivery` is of other stacks: tests/infra/delivery.
    read = {name: value for name, value in tomllib.loads(CHANGED.read_text()).items() if name != "delivery"}
    for entry, value in walk_values(read):
        assert str(aliases.get(value, value)) in text, entry
