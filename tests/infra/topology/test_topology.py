"""A topology is read whole, and what makes no sense is refused with the entry and a remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import pytest
from aws_cdk import App

from infra.application import ROOT, build_app
from infra.topology import (
    ORGANISATION,
    PERSONAS,
    SPREAD,
    Parts,
    Persona,
    TopologyError,
    find_topology_file,
    read_topology,
)
from infra.topology.parts import PARTS
from infra.topology.personas import CONFLICTS
from tests.infra.topology.example import EXAMPLE, read_changed, read_example, refuse

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {persona: f"[personas.{persona}]\ngroups = [" for persona in get_args(Persona)}
THEIRS = '{ id = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" }, '


def test_the_example_is_a_topology() -> None:
    topology = read_example()

    assert list(topology.accounts) == ["governance", "logs", "data", "development", "staging", "production"]
    assert topology.units == ["governance", "workloads"]
    assert topology.all_regions == ["ap-northeast-1", "us-east-1"]
    assert topology.partition == "aws"
    assert set(topology.personas) == set(PERSONAS) == set(get_args(Persona))


def test_people_work_where_the_parts_are_that_they_need() -> None:
    topology = read_example()
    of_the_loop = [name for name in topology.accounts if name != "logs"]

    assert {persona: topology.list_workplaces(persona) for persona in topology.personas} == {
        "data-engineer": ["governance", "data", "production"],
        "data-scientist": ["governance", "data", "development"],
        "ml-engineer": of_the_loop,
        "approver": ["governance", "data", "production"],
        "operator": ["governance", "data", "development", "production"],
        "business-stakeholder": ["production"],
        "auditor": of_the_loop,
        "administrator": of_the_loop,
    }
    assert topology.list_parts("production") == ["observations", "serving", "rollout", "monitoring", "operators"]


WORKERS: dict[str, set[Persona]] = {
    "data": {"data-engineer", "data-scientist", "ml-engineer", "approver", "operator"},
    "observations": {"data-engineer", "business-stakeholder"},
    "training": {"data-scientist", "ml-engineer"},
    "events": set(),
    "registry": {"data-engineer", "data-scientist", "ml-engineer", "approver", "operator"},
    "staging": {"ml-engineer"},
    "serving": {"operator"},
    "rollout": {"ml-engineer", "approver", "operator"},
    "monitoring": {"ml-engineer", "operator", "business-stakeholder"},
    "operators": {"operator"},
    "trail_logs": set(),
}
"""Whom a part brings into its account, besides auditors and administrators."""


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_moves_takes_its_people_with_it(tmp_path: Path, part: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    [line] = re.findall(rf'^{part} = ".*"$', text, re.MULTILINE)
    spare = '[accounts.spare]\nunit = "workloads"\nid = "888888888888"\nbudget_usd = 1\n\n[parts]\n'
    moved = read_changed(tmp_path, ("[parts]\n", spare), (f"\n{line}\n", f'\n{part} = "spare"\n'))

    there = {persona for persona in moved.personas if "spare" in moved.list_workplaces(persona)}
    assert there == (set() if part == "trail_logs" else {*WORKERS[part], "auditor", "administrator"})
    assert moved.list_parts("spare") == [part]


def test_an_account_without_a_part_is_nobody_s(tmp_path: Path) -> None:
    emptied = read_changed(tmp_path, ('staging = "staging"', 'staging = "production"'))

    assert not [persona for persona in emptied.personas if "staging" in emptied.list_workplaces(persona)]


def test_china_has_a_partition_of_its_own(tmp_path: Path) -> None:
    changed = read_changed(tmp_path, ('home = "ap-northeast-1"', 'home = "cn-north-1"'))

    assert changed.partition == "aws-cn"


# --- what is refused --------------------------------------------------------------------------------------------------

TWICE = 'id = "222222222222"'


@pytest.mark.parametrize(
    ("old", "new", "entry", "remedy"),
    [
        # Accounts.
        (TWICE, 'id = "111111111111"', "accounts.logs.id", "that of organisation.management too; give each account"),
        ('id = "444444444444"', TWICE, "accounts.data.id", "that of accounts.logs too"),
        ("aws+staging@", "AWS+Data@", "accounts.staging.email", "that of accounts.data too"),
        (TWICE, "", "accounts.logs", "write the id of an account that exists, or an email to make it"),
        (TWICE, 'id = "2222"', "accounts.logs.id", "write its 12 digits"),
        (TWICE, "id = 222222222222", "accounts.logs.id", "topology.example.toml shows"),
        ("budget_usd = 50\n", "budget_usd = 0\n", "accounts.logs.budget_usd", "greater than 0"),
        ("budget_usd = 50\n", "", "accounts.logs.budget_usd", "is missing"),
        ("[accounts.logs]", "[accounts.Logs]", "accounts.Logs", "take small letters"),
        ("[accounts.logs]", "[accounts.management]", "accounts.management", "remove this entry"),
        # The organisation.
        ('id = "o-exampleorg1"', 'id = "exampleorg1"', "organisation.id", "describe-organization"),
        ('root = "r-ab12"', 'root = "ab12"', "organisation.root", "list-roots"),
        # Regions.
        ('home = "ap-northeast-1"\n', "", "regions.home", "is missing"),
        ('home = "ap-northeast-1"', 'home = "ap-north-1"', "regions.home", "write one such as eu-central-1"),
        ('allowed = ["us-east-1"]', 'allowed = ["tokyo"]', "regions.allowed.0", "is no region of AWS"),
        # Use cases.
        ('["scooter_energy", "taxi_eta"]', '["taxi.eta"]', "use_cases.taxi.eta", "SageMaker takes no such name"),
        ('["scooter_energy", "taxi_eta"]', '["_eta"]', "use_cases._eta", "SageMaker takes no such name"),
        ('["scooter_energy", "taxi_eta"]', '["bus_eta"]', "use_cases.bus_eta", "is not installed (there are "),
        ('["scooter_energy", "taxi_eta"]', '["taxi_eta", "taxi_eta"]', "use_cases.taxi_eta", "remove one"),
        ('["scooter_energy", "taxi_eta"]', "[]", "use_cases", "topology.example.toml shows"),
        # Names that lead nowhere.
        ('training = "development"', 'training = "lab"', "parts.training", "add it under accounts"),
        ('training = "development"\n', "", "parts.training", "is missing"),
        ('also_in = ["development"]', 'also_in = ["finance"]', "personas.operator.also_in", "finance is no account"),
        ('["development"]', '["999999999999"]', "personas.operator.also_in", "999999999999 is no account of this"),
        # People.
        ("[personas.auditor]", "[personas.auditors]", "personas.auditors", "there is no such persona; there are data-"),
        ("11111111-2222-", "1111-", "personas.approver.groups.0.id", "aws identitystore list-groups"),
        ('{ name = "Noriba operators" }', "{}", "personas.operator.groups.0", "write either the id"),
        ('{ name = "Noriba operators" }', "", "personas.operator.groups", "at least 1 item"),
        ('instance = "arn:aws:sso', 'instance = "arn:aws:iam', "identity_center.instance", "list-instances"),
        ('"203.0.113.0/24"', '"203.0.113.7/24"', "networks.0", "write one such as 203.0.113.0/24"),
        # The rest.
        ("lock_days = 1", "lock_days = 0", "trail.lock_days", "greater than 0"),
        ('role = "noriba-break', 'role = "noriba break', "guardrails.break_glass_role", "is no name of an IAM role"),
        ('["finops@example.com"]', '["finops"]', "budgets.addresses.0", "is no address"),
        ("lock_days = 1", "lock_days = 365\ncolour = 1", "trail.colour", "there is no such entry"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_entry_and_a_remedy(
    tmp_path: Path, old: str, new: str, entry: str, remedy: str
) -> None:
    told = refuse(tmp_path, (old, new))

    assert any(line.startswith(f"{entry}: ") and remedy in line for line in told), told


@pytest.mark.parametrize("pair", CONFLICTS, ids=lambda pair: " and ".join(sorted(pair)))
def test_nobody_is_two_personas_that_watch_each_other(tmp_path: Path, pair: frozenset[Persona]) -> None:
    [first, second] = sorted(pair, key=list(PERSONAS).index)
    changes = [(GROUPS[persona], GROUPS[persona] + THEIRS) for persona in (first, second)]

    [told] = refuse(tmp_path, *changes)

    assert told.startswith(f"personas.{second}.groups: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee is {first} already, and ")
    assert told.endswith(f"{CONFLICTS[pair]}; take another group")


def test_whoever_trains_approves_nothing_and_administrators_are_nobody_else() -> None:
    for trainer in ("data-scientist", "ml-engineer"):
        assert frozenset({trainer, "approver"}) in CONFLICTS
    for other in set(PERSONAS) - {"administrator"}:
        assert frozenset({"administrator", other}) in CONFLICTS


def test_a_group_may_be_two_personas_that_do_not(tmp_path: Path) -> None:
    changes = [(GROUPS[persona], GROUPS[persona] + THEIRS) for persona in ("data-scientist", "ml-engineer")]

    assert read_changed(tmp_path, *changes)


def test_the_same_name_in_other_letters_is_the_same_group(tmp_path: Path) -> None:
    told = refuse(tmp_path, ("Noriba operators", "noriba DATA Scientists"))

    assert any("noriba data scientists is data-scientist already" in line for line in told)


def test_a_group_by_name_needs_a_store_to_be_made_in(tmp_path: Path) -> None:
    told = refuse(tmp_path, ('store = "d-1234567890"\n', ""))

    assert len(told) == 6
    assert all("identity_center.store" in line for line in told)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    told = refuse(tmp_path, ('home = "ap-northeast-1"\n', ""), (TWICE, 'id = "2222"'), ("lock_days", "lock_year"))
    whole = refuse(
        tmp_path, ('["scooter_energy", "taxi_eta"]', '["bus_eta"]'), ('staging = "staging"', 'staging = "nowhere"')
    )

    assert {line.split(":")[0] for line in told} == {"regions.home", "accounts.logs.id", "trail.lock_year"}
    assert [line.split(":")[0] for line in whole] == ["use_cases.bus_eta", "parts.staging"]


def test_what_is_no_toml_is_told_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "enterprise.toml"
    file.write_text("use_cases: taxi_eta\n")

    with pytest.raises(TopologyError, match=r"^enterprise.toml is not TOML: .*line 1"):
        read_topology(file)


# --- where it comes from ----------------------------------------------------------------------------------------------


def test_without_a_topology_there_is_none() -> None:
    assert find_topology_file(App().node, ROOT, named_by="topology") is None


def test_the_command_line_names_a_file_of_the_checkout() -> None:
    for word in (ORGANISATION, SPREAD):
        node = App(context={word: "topology.example.toml"}).node
        assert find_topology_file(node, ROOT, named_by=word) == EXAMPLE


def test_a_file_that_is_not_there_is_told_before_anything_is_made() -> None:
    with pytest.raises(TopologyError, match=r"copy topology\.example\.toml to it"):
        build_app(context={"topology": "enterprise"})


def test_every_part_says_what_it_is() -> None:
    assert all(field.description for field in Parts.model_fields.values())
