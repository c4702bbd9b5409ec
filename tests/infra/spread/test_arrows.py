"""What crosses from one account to another: both sides of it, and what must never cross."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.application import ROOT
from infra.arrows import Arrow, draw_table, find_arrows
from tests.infra.spread.conftest import IDS, NAMES, read_stacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.assembly import Assembly

KINDS = {
    "dynamodb": "table",
    "kms": "key",
    "events": "bus",
    "sagemaker": "model package group",
    "iam": "role",
}
HEARD = "governance: bus `noriba`"


@pytest.fixture(scope="module")
def arrows(spread: Assembly) -> list[Arrow]:
    return find_arrows(spread.path, NAMES)


def list_asked(spread: Assembly) -> Iterator[tuple[str, str, str, str]]:
    """What roles may do in other accounts, by their own policies: who, where and what, which objects, which action."""
    stacks = read_stacks(spread.path)
    buckets = {
        body["Properties"]["BucketName"]: NAMES[stacks_account]
        for artifact_id, template in spread.templates.items()
        for stacks_account in [IDS[stacks[f"noriba-{artifact_id}"][1]]]
        for body in template["Resources"].values()
        if body["Type"] == "AWS::S3::Bucket" and "BucketName" in body.get("Properties", {})
    }
    for policy in spread.find("AWS::IAM::Policy"):
        stack, account = stacks[f"noriba-{policy.stack}"]
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            for resource in _as_list(statement["Resource"]):
                owner, kind = find_owner(resource, buckets, home=account)
                if owner != account:
                    for action in _as_list(statement["Action"]):
                        objects = resource.partition("/")[2] if kind == "bucket" else ""
                        yield f"{account}: `{stack}`", f"{owner}: {kind}", objects, action


def find_owner(resource: str, buckets: dict[str, str], *, home: str) -> tuple[str, str]:
    parts = resource.replace("<AWS::Partition>", "aws").split(":", 5)
    if len(parts) < 6:
        return home, ""
    service, account, name = parts[2], parts[4], parts[5]
    if service == "s3":
        return buckets.get(name.partition("/")[0], home), "bucket"
    return NAMES.get(account, home), KINDS.get(service, service)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def list_admitted(arrows: list[Arrow]) -> Iterator[tuple[str, str, str, str]]:
    """What owners let in, without what people and rules do."""
    for arrow in arrows:
        if "`noriba-" in arrow.source:
            objects = arrow.what.strip("`") if ": bucket" in arrow.target else ""
            yield arrow.source, re.sub(r" `.*`$", "", arrow.target), objects, arrow.action


def test_both_sides_say_the_same(spread: Assembly, arrows: list[Arrow]) -> None:
    """Who may do what to which kind of thing, and to which objects; conditions are not compared."""
    asked = {one for one in list_asked(spread) if "ecr" not in one[1]}
    admitted = {one for one in list_admitted(arrows) if "repository" not in one[1]}

    assert asked == admitted
    assert len(asked) > 40


def test_raw_rides_stay_where_they_landed(arrows: list[Arrow]) -> None:
    """Of the raw bucket, only what production itself gathered is anybody else's; of quarantine, nothing."""
    assert {arrow.what for arrow in arrows if "bucket `Raw`" in arrow.target} == {"`taxi_eta/traffic/*`"}
    assert not [arrow for arrow in arrows if "Quarantine" in arrow.target]
    assert {arrow.action for arrow in arrows if "bucket `Datasets`" in arrow.target} == {
        "s3:GetObject",
        "s3:ListBucket",
    }


def test_whoever_trains_approves_nothing_in_the_account_of_the_registry(arrows: list[Arrow]) -> None:
    changing = [
        arrow for arrow in arrows if arrow.action in {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
    ]

    assert {arrow.source for arrow in changing} == {"development: `noriba-training`"}
    assert {arrow.what for arrow in changing} == {"`PendingManualApproval`, `Rejected`"}


def test_people_of_other_accounts_ask_for_training_and_say_nothing_else(arrows: list[Arrow]) -> None:
    told = {arrow[1:] for arrow in arrows if "whoever may" in arrow.source}

    assert told == {(HEARD, "`RetrainingRequested`", "events:PutEvents")}


def test_the_hub_hears_each_part_from_its_own_account(arrows: list[Arrow]) -> None:
    heard = {arrow.source for arrow in arrows if arrow.target == HEARD and "`noriba-" in arrow.source}

    assert heard == {
        "data: `noriba-data`",
        "development: `noriba-training`",
        "production: `noriba-monitoring`",
        "production: `noriba-rollout`",
    }


def test_no_event_is_brought_to_a_third_account(arrows: list[Arrow]) -> None:
    """What a rule brought, no rule takes further: EventBridge would not."""
    brought = [arrow for arrow in arrows if arrow.source.endswith(": a rule")]
    here = {arrow.target.partition(":")[0] for arrow in brought}

    for arrow in brought:
        home = arrow.source.partition(":")[0]
        # The hub is told directly; AWS's events are told in the account of what they are about.
        assert home == "governance" or arrow.what == "`CloudWatch Alarm State Change`", arrow
    assert here == {"development", "production"}


def test_the_page_has_the_table_and_no_row_more(arrows: list[Arrow]) -> None:
    """`python -m infra.arrows topology.example.toml` draws it anew, with every use case; here with one."""
    page = (ROOT / "docs/topology.md").read_text(encoding="utf-8")
    [body] = re.findall(r"^\| from \| to \|.*\n\|[- |]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)

    assert {row for row in body.splitlines() if "scooter" not in row.lower()} == {*draw_table(arrows).splitlines()[2:]}


def test_somebody_who_is_none_of_the_topology_s_is_seen(spread: Assembly) -> None:
    """A table that left them out would look as if nobody were let in."""
    others = {account_id: name for account_id, name in NAMES.items() if name != "production"}

    with pytest.raises((KeyError, ValueError)):
        find_arrows(spread.path, others)


def test_every_role_that_acts_elsewhere_is_trusted_there_for_that(spread: Assembly) -> None:
    trusted = spread.one("AWS::IAM::Role", "Stage").properties

    [statement] = trusted["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:<AWS::Partition>:iam::{IDS['production']}:root"}
    assert statement["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": [f"arn:<AWS::Partition>:iam::{IDS['production']}:role/noriba-rollout-*"]}
    }


def test_staging_is_made_and_removed_in_its_account(spread: Assembly) -> None:
    machine = spread.one("AWS::StepFunctions::StateMachine", "RolloutMachine")
    states = json.loads(machine.properties["DefinitionString"])["States"]
    there = {name for name, state in states.items() if "Credentials" in state}

    assert {states[name]["Credentials"]["RoleArn"] for name in there} == {
        f"arn:<AWS::Partition>:iam::{IDS['staging']}:role/noriba-staging-stage-ap-northeast-1"
    }
    assert there == {
        "Create staging model",
        "Configure staging",
        "Create staging endpoint",
        "Look at staging",
        "Check golden requests",
        "Delete staging endpoint",
        "Delete staging configuration",
        "Delete staging model",
        "Is staging still there?",
        "Delete staging endpoint after failure",
        "Delete staging configuration after failure",
        "Delete staging model after failure",
    }


def test_tidy_knows_as_whom_it_acts_there(spread: Assembly) -> None:
    function = spread.one("AWS::Lambda::Function", "TidyRolloutsFunction")

    assert function.properties["Environment"]["Variables"]["STAGING_ROLE_ARN"] == (
        f"arn:<AWS::Partition>:iam::{IDS['staging']}:role/noriba-staging-stage-ap-northeast-1"
    )


def test_models_are_registered_in_the_group_of_the_registry_s_account(spread: Assembly) -> None:
    function = spread.one("AWS::Lambda::Function", "RegisterCandidateFunction")

    assert function.properties["Environment"]["Variables"]["PACKAGE_GROUPS_ARN"] == (
        f"arn:<AWS::Partition>:sagemaker:ap-northeast-1:{IDS['governance']}:model-package-group"
    )


def test_models_are_encrypted_with_the_key_of_where_they_lie(spread: Assembly) -> None:
    """Else whoever serves one would need the key of whoever trained it."""
    machine = spread.one("AWS::StepFunctions::StateMachine", "TrainMachine")
    states = json.loads(machine.properties["DefinitionString"])["States"]

    key = f"arn:<AWS::Partition>:kms:ap-northeast-1:{IDS['governance']}:alias/noriba"
    assert states["Find the registry's key"]["Parameters"] == {"KeyId": key}
    assert states["Train"]["Parameters"]["OutputDataConfig"]["KmsKeyId.$"] == "$.registry_key.arn"
    assert states["Evaluate"]["Parameters"]["ProcessingOutputConfig"]["KmsKeyId.$"] == "$.registry_key.arn"
    aliases = [one for one in spread.find("AWS::KMS::Alias") if one.properties["AliasName"] == "alias/noriba"]
    assert len(aliases) == 5
