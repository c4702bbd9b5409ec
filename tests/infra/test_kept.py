"""A deployment that comes after one with `keep_data`: what was kept is used again, and nothing collides with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.constructs.names import KEPT_AS
from infra.settings import Kept
from infra.settings_file import SettingsError
from noriba.aws import preflight
from tests.infra.conftest import synthesise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

KEY = "arn:aws:kms:eu-west-1:123456789012:key/6f9619ff"
KEPT = {
    "key_arn": KEY,
    "raw_bucket": "kept-raw",
    "datasets_bucket": "kept-datasets",
    "quarantine_bucket": "kept-quarantine",
    "models_bucket": "kept-models",
    "outcomes_bucket": "kept-outcomes",
    "captures_bucket": "kept-captures",
    "observations_bucket": "kept-observations",
    "ledger_table": "kept-ledger",
}
BUCKETS = {name for name in KEPT.values() if name.startswith("kept-") and name != "kept-ledger"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesise(tmp_path_factory.mktemp("kept"), {"kept": KEPT})


def test_nothing_that_was_kept_is_made_again(kept: Assembly) -> None:
    made = {(resource.type, resource.name) for resource in kept.resources}

    assert [name for kind, name in made if kind == "AWS::S3::Bucket"] == ["AccessLogsBucket"]
    assert not {kind for kind, _ in made} & {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::SageMaker::ModelPackageGroup",
    }


def test_functions_and_rules_work_on_what_was_kept(kept: Assembly) -> None:
    variables = {
        name: value
        for function in kept.find("AWS::Lambda::Function")
        for name, value in function.properties["Environment"]["Variables"].items()
    }
    landed = kept.one("AWS::Events::Rule", "LandedRule")

    assert variables["LEDGER_TABLE"] == "kept-ledger"
    assert variables["DATASETS_BUCKET"] == "kept-datasets"
    assert landed.properties["EventPattern"]["detail"]["bucket"]["name"] == ["kept-raw"]


def test_kept_buckets_speak_tls_alone(kept: Assembly) -> None:
    """Their policies went with the stack that made them."""
    policies = {policy.properties["Bucket"]: policy for policy in kept.find("AWS::S3::BucketPolicy")}

    assert policies.keys() >= BUCKETS
    for name in BUCKETS:
        statements = policies[name].properties["PolicyDocument"]["Statement"]
        assert {"Deny"} == {statement["Effect"] for statement in statements}
        assert {"Bool": {"aws:SecureTransport": "false"}} in [statement["Condition"] for statement in statements]


def test_whoever_read_with_the_key_reads_with_it_again(kept: Assembly, assembly: Assembly) -> None:
    def count(found: Assembly, key: str) -> int:
        statements = [
            statement
            for policy in found.find("AWS::IAM::Policy")
            for statement in policy.properties["PolicyDocument"]["Statement"]
        ]
        return sum(key in str(statement["Resource"]) for statement in statements if "kms" in str(statement["Action"]))

    assert count(kept, KEY) == count(assembly, "<Key.Arn>")


def test_what_was_kept_is_named_whole(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"-c kept\.ledger_table: Field required"):
        synthesise(tmp_path, {"kept": {name: value for name, value in KEPT.items() if name != "ledger_table"}})


def test_what_may_be_kept_says_under_which_setting_it_is_used_again(assembly: Assembly) -> None:
    said = {
        tag["Value"]
        for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key")
        for resource in assembly.find(kind)
        for tag in resource.properties["Tags"]
        if tag["Key"] == KEPT_AS == preflight.KEPT_AS
    }

    assert said == Kept.model_fields.keys()
