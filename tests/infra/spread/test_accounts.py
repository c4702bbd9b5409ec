"""Where everything stands, and what is refused before anything is made."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from infra.application import build_app
from infra.constructs.sharing import name_roles
from infra.organisation.names import name_guardrail
from infra.organisation.policies import make_service_control_policies
from infra.places import BESIDE_SERVING
from infra.settings import Settings
from infra.settings_file import SettingsError
from infra.topology import TopologyError
from laptop.organisation import read_guardrails
from tests.infra.conftest import USE_CASES
from tests.infra.spread.conftest import read_stacks
from tests.infra.topology.example import EXAMPLE, read_example, write_changed

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


def test_what_holds_data_is_named_whoever_needs_it(spread: Assembly) -> None:
    """A name that comes with a need would go with it, and the data with the name."""
    buckets = [one for one in spread.find("AWS::S3::Bucket") if one.name != "AccessLogsBucket"]
    names = [bucket.properties["BucketName"] for bucket in buckets]

    assert len(names) == 7
    assert all(re.fullmatch(r"noriba-[a-z]+-[a-z]+-[0-9a-f]{12}", name) for name in names)
    # As guardrails know it.
    assert [name for name in names if name.startswith("noriba-rollout-captures")]
    assert [table.properties["TableName"] for table in spread.find("AWS::DynamoDB::Table")] == ["noriba-data-ledger"]


def test_roles_of_one_stack_are_told_from_those_of_another() -> None:
    """However long the prefix may be: of a longer one, nothing of the stack's name would be left."""
    longest = "n" * 17
    assert Settings(prefix=longest)
    with pytest.raises(ValidationError):
        Settings(prefix=f"{longest}n")
    parts = {part for parts in PARTS.values() for part in parts} | {"forwarding"}
    patterns = {part: name_roles("aws", "1", f"{longest}-{part}") for part in sorted(parts)}

    for part in patterns:
        role = f"arn:aws:iam::1:role/{longest}-{part}-x"
        assert [other for other, one in patterns.items() if role.startswith(one.rstrip("*"))] == [part]


def test_the_guardrails_of_the_accounts_stand_beside_their_templates(spread: Assembly) -> None:
    """What the laptop puts in force is what the guardrails' stack deploys."""
    policies = make_service_control_policies(read_example(), prefix=spread.prefix)

    expected = {name_guardrail(name, prefix=spread.prefix): document for name, document in policies.items()}
    assert read_guardrails(spread.path) == expected
