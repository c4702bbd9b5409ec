"""Where everything stands, and what is refused before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infra.application import build_app
from infra.places import BESIDE_SERVING
from infra.settings_file import SettingsError
from infra.topology import TopologyError
from tests.infra.conftest import USE_CASES
from tests.infra.spread.conftest import read_stacks
from tests.infra.topology.example import EXAMPLE, write_changed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.infra.assembly import Assembly

PARTS = {
    "data": {"data"},
    "governance": {"registry"},
    "development": {"training"},
    "staging": {"staging"},
    "production": {"serving", "rollout", "observations", "monitoring", "operators"},
}
EVERYWHERE = {"events", "people"}
FORWARDING = {"governance", "production"}
"""Accounts in which something is told that others wait for."""


def refuse(context: Mapping[str, object]) -> str:
    with pytest.raises((TopologyError, SettingsError)) as told:
        build_app(context=context, use_cases=USE_CASES)
    return str(told.value)


def test_each_part_stands_in_its_account_and_has_there_what_all_share(spread: Assembly) -> None:
    found: dict[str, set[str]] = {}
    for stack, account in read_stacks(spread.path).values():
        found.setdefault(account, set()).add(stack.removeprefix("noriba-"))

    assert found == {
        account: parts | EVERYWHERE | ({"forwarding"} if account in FORWARDING else set())
        for account, parts in PARTS.items()
    }


def test_only_what_brings_events_waits_for_another_account(spread: Assembly) -> None:
    """All else may be deployed in any order, and by whoever may deploy in one account alone."""
    stacks = read_stacks(spread.path)
    artifacts = json.loads((spread.path / "manifest.json").read_text())["artifacts"]

    for artifact_id, (stack, account) in stacks.items():
        awaited = [one for one in artifacts[artifact_id]["dependencies"] if one in stacks]
        elsewhere = {stacks[one][1] for one in awaited} - {account}
        if stack == "noriba-forwarding":
            assert elsewhere == ({"development", "production"} if account == "governance" else {"development"})
            assert {stacks[one][0] for one in awaited} == {"noriba-events"}
        else:
            assert not elsewhere


def test_an_account_without_an_id_is_refused_by_its_entry(tmp_path: Path) -> None:
    file = write_changed(tmp_path, ('id = "555555555555"\n', ""))

    assert refuse({"spread": str(file)}).startswith("accounts.development.id: the loop's stacks need it; ")


@pytest.mark.parametrize("part", BESIDE_SERVING)
def test_what_watches_production_stands_beside_it(tmp_path: Path, part: str) -> None:
    file = write_changed(tmp_path, (f'\n{part} = "production"\n', f'\n{part} = "staging"\n'))

    assert refuse({"spread": str(file)}) == (
        f"parts.{part}: what watches and explains production stands beside it; write production, as parts.serving "
        "has it"
    )


def test_a_use_case_that_guardrails_would_stop_is_refused(tmp_path: Path) -> None:
    """To add one is a folder, and a word in this file."""
    file = write_changed(tmp_path, ('["scooter_energy", "taxi_eta"]', '["scooter_energy"]'))

    assert refuse({"spread": str(file)}).startswith("use_cases: taxi_eta would be deployed, and guardrails let it ")


def test_a_second_use_case_changes_nothing_of_the_first(spread: Assembly, tmp_path: Path) -> None:
    build_app(context={"spread": str(EXAMPLE)}, outdir=str(tmp_path), use_cases=("taxi_eta", "scooter_energy")).synth()

    for name, template in spread.templates.items():
        both = json.loads((tmp_path / f"noriba-{name}.template.json").read_text())["Resources"]
        assert template["Resources"].keys() <= both.keys()
        added = both.keys() - template["Resources"].keys()
        assert all("ScooterEnergy" in logical_id or "scooter" in logical_id.lower() for logical_id in added), added


def test_what_one_account_kept_is_not_used_by_several() -> None:
    kept = {
        "key_arn": "arn:aws:kms:ap-northeast-1:444444444444:key/1",
        **{
            f"{name}_bucket": name
            for name in ("raw", "datasets", "quarantine", "models", "outcomes", "captures", "observations")
        },
        "ledger_table": "ledger",
    }

    told = refuse({"spread": str(EXAMPLE), "kept": kept})

    assert told == "kept: what one account kept cannot be used again by several; remove it"
