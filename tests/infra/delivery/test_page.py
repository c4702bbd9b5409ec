"""The page about delivery, and the head of the workflow: they tell what is synthesised, and leave nothing out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.application import ROOT
from infra.delivery.application import KINDS
from tests.infra.delivery.conftest import read_stages

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

WORKFLOW = (ROOT / "docs/examples/deliver.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/delivery.md").read_text(encoding="utf-8")


def test_the_table_has_the_stages_in_their_order_with_what_runs(page: str, delivered: Assembly) -> None:
    [body] = re.findall(r"^\| stage \|.*\n\|[- |]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = {row.split("|")[1].strip(" `"): row for row in body.splitlines()}
    stages = read_stages(delivered)

    assert list(rows) == list(stages)
    runs = {"Build": {"Test", "Image", "Synth"}, "Staging": {"IntegrationTest"}, "Production": {"Approve"}}
    for name, own in runs.items():
        assert own <= {action["Name"] for action in stages[name]}
        for action in own:
            assert f"`{action}`" in rows[name]
    assert "the ten stacks" in rows["Development"]


def test_commands_deploy_every_stack_that_there_is(page: str, begun: Assembly, github: Assembly) -> None:
    deployed = {
        word
        for line in page.splitlines()
        if line.startswith("cdk deploy ")
        for word in line.split()
        if word.startswith("noriba-")
    }
    # The page's organisation has its own names of accounts.
    named = {"a-events": "governance", "a-training": "development", "a-staging": "staging", "a-serving": "production"}
    made = {f"noriba-{name}" for found in (begun, github) for name in found.templates}
    for theirs, ours in named.items():
        made = {name.replace(theirs, ours) for name in made}

    assert deployed == made
    assert {kind for kind in KINDS if f"-c delivery={kind}" in page} == set(KINDS)


def test_three_accounts_trust_that_of_the_pipeline(page: str) -> None:
    lines = [line for line in page.splitlines() if line.startswith("cdk bootstrap ")]
    trusting = {line.split()[4] for line in lines if "--trust 333333333333" in line}

    assert trusting == {"development", "staging", "production"}
    assert len(lines) == 4


def test_the_workflow_s_head_names_every_variable_that_it_reads() -> None:
    head, _, body = WORKFLOW.partition("\nname: ")

    read = set(re.findall(r"vars\.(\w+)", body))
    assert read
    assert read == set(re.findall(r"\b(?:AWS|IMAGE|NORIBA|USE)_[A-Z_]+\b", head))
