"""The page about delivery, and the head of the workflow: they tell what is synthesised, and leave nothing out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Stack

from infra.application import ROOT
from infra.delivery.application import KINDS, build_delivery
from tests.infra.conftest import USE_CASES
from tests.infra.delivery.conftest import read_stages
from tests.infra.topology.example import EXAMPLE, read_example

if TYPE_CHECKING:
    from pathlib import Path

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


def list_stacks(kind: str, folder: Path) -> set[str]:
    """The stacks of the example's delivery."""
    context = {"topology": EXAMPLE.name, "delivery": kind}
    app = build_delivery(context=context, outdir=str(folder), use_cases=USE_CASES)
    return {child.stack_name for child in app.node.children if isinstance(child, Stack)}


def test_commands_deploy_every_stack_of_the_example_s_delivery(page: str, delivered: Assembly, tmp_path: Path) -> None:
    assert delivered
    for kind in KINDS:
        lines = [line for line in page.splitlines() if line.startswith("cdk deploy ") and f"-c delivery={kind}" in line]
        named = {word for line in lines for word in line.split() if word.startswith("noriba-")}

        assert named == list_stacks(kind, tmp_path / kind), kind


def test_the_three_accounts_trust_that_of_the_pipeline(page: str) -> None:
    topology = read_example()
    assert topology.delivery is not None
    ids = {name: account.id for name, account in topology.accounts.items()}
    lines = [line.split() for line in page.splitlines() if line.startswith("cdk bootstrap ")]
    made = {words[4]: (words[2], words[6] if "--trust" in words else None) for words in lines}
    home = topology.delivery.account
    region = topology.regions.home

    assert made == {home: (f"aws://{ids[home]}/{region}", None)} | {
        target.account: (f"aws://{ids[target.account]}/{region}", ids[home])
        for target in topology.delivery.targets.values()
    }


def test_the_workflow_s_head_names_every_variable_that_it_reads() -> None:
    head, _, body = WORKFLOW.partition("\nname: ")

    read = set(re.findall(r"vars\.(\w+)", body))
    assert read
    assert read == set(re.findall(r"\b(?:AWS|IMAGE|NORIBA|USE)_[A-Z_]+\b", head))
