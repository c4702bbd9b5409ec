"""What the service control policies mean: requests are asked of them, one by one."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest

from infra.organisation.policies import LARGEST_POLICY, MOST_POLICIES, make_service_control_policies
from infra.topology import TopologyError
from tests.infra.organisation.denials import Context, find_denials
from tests.infra.topology.example import read_changed, read_example

if TYPE_CHECKING:
    from pathlib import Path

    from infra.organisation.policies import Document
    from tests.infra.assembly import Assembly

ACCOUNT = "333333333333"
HOME = "ap-northeast-1"
TRAIL = "arn:aws:s3:::noriba-trail-o-exampleorg1"
CAPTURES = "arn:aws:s3:::noriba-rollout-capturesbucket1a2b3c4d-5e6f7a8b9c0d"
OTHER = "arn:aws:s3:::noriba-data-rawbucket1a2b3c4d-5e6f7a8b9c0d"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1234"
SAGEMAKER = f"arn:aws:sagemaker:{HOME}:{ACCOUNT}"

PERSON = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_noriba-administrator_1a2b"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{HOME}"
BOOTSTRAPPER = f"arn:aws:iam::{ACCOUNT}:role/OrganizationAccountAccessRole"
BREAK_GLASS = f"arn:aws:iam::{ACCOUNT}:role/noriba-break-glass"
SPARED_BY_TEMPLATES = (DEPLOYER, BOOTSTRAPPER, BREAK_GLASS)
ROOT_USER = f"arn:aws:iam::{ACCOUNT}:root"


@cache
def make_policies() -> dict[str, Document]:
    return make_service_control_policies(read_example(), prefix="noriba")


def ask(action: str, resource: str = "*", *, who: str = PERSON, region: str = HOME, **keys: str) -> list[str]:
    """By which statements of which policies a request is denied."""
    context: Context = {"aws:PrincipalArn": who, "aws:RequestedRegion": region, **keys}
    return [
        f"{name}.{sid}"
        for name, document in make_policies().items()
        for sid in find_denials(document, action, resource, context)
    ]


def alias(name: str) -> dict[str, str]:
    return {"kms:ResourceAliases": name}


# --- regions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["s3:CreateBucket", "sagemaker:CreateTrainingJob", "lambda:CreateFunction"])
def test_nothing_is_made_in_other_regions(action: str) -> None:
    assert ask(action, region="eu-west-1") == ["regions.OtherRegions"]
    for region in (HOME, "us-east-1"):
        assert ask(action, region=region) == []


@pytest.mark.parametrize("action", ["iam:CreateRole", "sts:AssumeRole", "organizations:ListRoots", "route53:ListTagsX"])
def test_what_is_global_can_be_asked_from_everywhere(action: str) -> None:
    assert ask(action, region="eu-west-1") == []


def test_in_other_regions_the_break_glass_role_alone_does_anything() -> None:
    assert ask("s3:CreateBucket", region="eu-west-1", who=BREAK_GLASS) == []
    for who in (DEPLOYER, BOOTSTRAPPER, f"{BREAK_GLASS}-2", f"arn:aws:iam::{ACCOUNT}:user/noriba-break-glass"):
        assert ask("s3:CreateBucket", region="eu-west-1", who=who) == ["regions.OtherRegions"]


# --- membership -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [PERSON, DEPLOYER, BOOTSTRAPPER, BREAK_GLASS])
def test_no_account_leaves_or_closes_itself(who: str) -> None:
    for action in ("organizations:LeaveOrganization", "account:CloseAccount"):
        assert ask(action, who=who) == ["membership.Leaving"]


@pytest.mark.parametrize("action", ["s3:ListAllMyBuckets", "iam:CreateAccessKey", "kms:PutKeyPolicy"])
def test_the_root_user_does_nothing(action: str) -> None:
    assert ask(action, who=ROOT_USER) == ["membership.RootUser"]
    assert ask(action, who=PERSON) == []


@pytest.mark.parametrize("role", ["noriba-break-glass", "OrganizationAccountAccessRole", DEPLOYER.rpartition("/")[2]])
@pytest.mark.parametrize(
    "action",
    [
        *("CreateRole", "UpdateRole", "DeleteRole", "UpdateAssumeRolePolicy", "AttachRolePolicy", "DetachRolePolicy"),
        *("PutRolePolicy", "DeleteRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
    ],
)
def test_nobody_makes_or_changes_a_role_that_guardrails_spare(action: str, role: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"

    for who in (PERSON, DEPLOYER):
        assert ask(f"iam:{action}", arn, who=who) == ["membership.SparedRoles"]
    for who in (BOOTSTRAPPER, BREAK_GLASS):
        assert ask(f"iam:{action}", arn, who=who) == []
    assert ask(f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:role/noriba-data-Role1A2B", who=DEPLOYER) == []


def test_every_role_that_is_spared_anywhere_is_kept_from_being_made() -> None:
    policies = make_service_control_policies(read_example(), prefix="noriba")
    statements = [statement for document in policies.values() for statement in document["Statement"]]
    spared = {
        arn for s in statements for arn in s.get("Condition", {}).get("ArnNotLike", {}).get("aws:PrincipalArn", [])
    }
    [kept] = [s["Resource"] for s in statements if s["Sid"] == "SparedRoles"]

    assert spared == set(kept)


# --- the trail --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action", ["StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors", "PutInsightSelectors"]
)
def test_nobody_stops_the_trail(action: str) -> None:
    arn = f"arn:aws:cloudtrail:{HOME}:111111111111:trail/noriba-organisation"

    for who in (PERSON, DEPLOYER, BOOTSTRAPPER):
        assert ask(f"cloudtrail:{action}", arn, who=who) == ["trail.Trail"]
    assert ask(f"cloudtrail:{action}", arn, who=BREAK_GLASS) == []


@pytest.mark.parametrize("action", ["cloudtrail:LookupEvents", "cloudtrail:GetTrailStatus", "cloudtrail:StartLogging"])
def test_the_trail_is_looked_at_and_begun(action: str) -> None:
    assert ask(action) == []


def test_what_the_trail_wrote_is_not_deleted() -> None:
    for who in (PERSON, DEPLOYER, BOOTSTRAPPER):
        for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
            assert ask(action, f"{TRAIL}/AWSLogs/1", who=who) == ["trail.TrailLogs"]
        for action in ("s3:DeleteBucket", "s3:DeleteBucketPolicy"):
            assert ask(action, TRAIL, who=who) == ["trail.TrailLogs"]
    assert ask("s3:DeleteObjectVersion", f"{OTHER}/taxi_eta/1") == []
    assert ask("s3:GetObject", f"{TRAIL}/AWSLogs/1") == []
    assert ask("s3:DeleteObjectVersion", f"{TRAIL}/AWSLogs/1", who=BREAK_GLASS) == []


@pytest.mark.parametrize(
    "action",
    ["PutBucketPolicy", "PutBucketVersioning", "PutBucketObjectLockConfiguration", "PutLifecycleConfiguration"],
)
def test_templates_alone_change_the_trail_s_bucket(action: str) -> None:
    assert ask(f"s3:{action}", TRAIL) == ["trail.TrailBucket"]
    for who in SPARED_BY_TEMPLATES:
        assert ask(f"s3:{action}", TRAIL, who=who) == []
    assert ask(f"s3:{action}", OTHER) == []


def test_the_trail_s_key_stays_and_other_keys_are_their_owners() -> None:
    for action in ("kms:ScheduleKeyDeletion", "kms:DisableKey"):
        assert ask(action, KEY, **alias("alias/noriba-trail")) == ["trail.TrailKey"]
        assert ask(action, KEY, **alias("alias/other")) == []
        assert ask(action, KEY) == []
        assert ask(action, KEY, who=DEPLOYER, **alias("alias/noriba-trail")) == ["trail.TrailKey"]
        assert ask(action, KEY, who=BREAK_GLASS, **alias("alias/noriba-trail")) == []
    assert ask("kms:PutKeyPolicy", KEY, **alias("alias/noriba-trail")) == ["trail.TrailKeyPolicy"]
    assert ask("kms:PutKeyPolicy", KEY, **alias("alias/other")) == []
    for who in SPARED_BY_TEMPLATES:
        assert ask("kms:PutKeyPolicy", KEY, who=who, **alias("alias/noriba-trail")) == []
    for action in ("kms:DeleteAlias", "kms:UpdateAlias"):
        ours, other = (f"arn:aws:kms:{HOME}:{ACCOUNT}:alias/{name}" for name in ("noriba-trail", "noriba-data"))
        assert ask(action, ours) == ["trail.TrailKeyAlias"]
        for who in SPARED_BY_TEMPLATES:
            assert ask(action, ours, who=who) == []
        assert ask(action, other) == []


# --- data -------------------------------------------------------------------------------------------------------------


def test_nobody_opens_a_bucket_to_the_public() -> None:
    assert ask("s3:PutBucketPublicAccessBlock", OTHER) == ["data.PublicBucket"]
    assert ask("s3:PutAccountPublicAccessBlock") == ["data.PublicAccount"]
    for action in ("s3:PutBucketPublicAccessBlock", "s3:PutAccountPublicAccessBlock"):
        assert ask(action, OTHER, who=BREAK_GLASS) == []
    # Templates block it, the bootstrap's too; the account's own block they leave alone.
    for who in (DEPLOYER, BOOTSTRAPPER):
        assert ask("s3:PutBucketPublicAccessBlock", OTHER, who=who) == []
        assert ask("s3:PutAccountPublicAccessBlock", who=who) == ["data.PublicAccount"]


@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_captures_are_deleted_by_the_break_glass_role_alone(action: str) -> None:
    for who in (PERSON, DEPLOYER, BOOTSTRAPPER):
        assert ask(action, f"{CAPTURES}/noriba-taxi-eta/1", who=who) == ["data.CapturesDeleted"]
    assert ask(action, f"{CAPTURES}/noriba-taxi-eta/1", who=BREAK_GLASS) == []
    assert ask(action, f"{OTHER}/taxi_eta/1") == []


def test_captures_expire_by_the_template_s_word_alone() -> None:
    assert ask("s3:PutLifecycleConfiguration", CAPTURES) == ["data.CapturesExpired"]
    for who in SPARED_BY_TEMPLATES:
        assert ask("s3:PutLifecycleConfiguration", CAPTURES, who=who) == []
    assert ask("s3:PutLifecycleConfiguration", OTHER) == []


def test_captures_are_called_what_the_guardrail_calls_them(assembly: Assembly) -> None:
    """CloudFormation names a bucket after its stack and its logical id, in small letters."""
    captures = assembly.one("AWS::S3::Bucket", "CapturesBucket")

    assert "BucketName" not in captures.properties
    assert f"noriba-{captures.stack}-{captures.logical_id}".lower().startswith("noriba-rollout-captures")


@pytest.mark.parametrize(
    "name",
    [
        *("endpoint/noriba-taxi-eta", "endpoint-config/noriba-taxi-eta", "endpoint/noriba-taxi-eta-staging-1a2b3c4d"),
        "endpoint-config/noriba-taxi-eta-v7-1a2b3c4d",
    ],
)
def test_the_use_cases_of_the_file_have_endpoints(name: str) -> None:
    assert ask("sagemaker:CreateEndpoint", f"{SAGEMAKER}:{name}") == []


@pytest.mark.parametrize("name", ["endpoint/noriba-bus-eta", "endpoint/mine", "endpoint/noriba-taxi-eta2"])
def test_others_have_none(name: str) -> None:
    for who in (PERSON, DEPLOYER, BOOTSTRAPPER):
        assert ask("sagemaker:CreateEndpoint", f"{SAGEMAKER}:{name}", who=who) == ["data.UnknownUseCase"]


def test_others_have_no_package_group() -> None:
    for name, denied in (("noriba-taxi-eta", []), ("noriba-bus-eta", ["data.UnknownUseCase"])):
        resource = f"{SAGEMAKER}:model-package-group/{name}"
        assert ask("sagemaker:CreateModelPackageGroup", resource, who=DEPLOYER) == denied
        assert ask("sagemaker:CreateModelPackageGroup", resource, who=BREAK_GLASS) == []


# --- AWS's limits, and where they hold --------------------------------------------------------------------------------


def test_policies_are_as_many_and_as_long_as_aws_takes() -> None:
    policies = make_service_control_policies(read_example(), prefix="noriba")

    # And FullAWSAccess, which AWS attaches itself.
    assert len(policies) + 1 <= MOST_POLICIES
    for name, document in policies.items():
        assert len(json.dumps(document, separators=(",", ":"))) <= LARGEST_POLICY, name


def test_a_policy_that_is_too_long_is_refused_with_the_entry(tmp_path: Path) -> None:
    topology = read_changed(tmp_path, ("noriba-break-glass", "x" * 64))
    names = tuple(f"a_use_case_with_a_long_name_{number}" for number in range(60))

    with pytest.raises(TopologyError, match=r"^use_cases: the policy data has \d+ characters, and AWS takes 5120"):
        make_service_control_policies(topology.model_copy(update={"use_cases": names}), prefix="noriba")


def test_every_policy_holds_in_every_unit_and_in_accounts_that_were_there(organisation: Assembly) -> None:
    expected = make_service_control_policies(read_example(), prefix="noriba")
    policies = organisation.find("AWS::Organizations::Policy")

    assert {p.properties["Name"] for p in policies} == {f"noriba-{name}" for name in expected}
    for policy in policies:
        assert policy.properties["Type"] == "SERVICE_CONTROL_POLICY"
        assert policy.properties["TargetIds"] == ["<GovernanceUnit.Id>", "<WorkloadsUnit.Id>", "222222222222"]
        # What was asked above is what is deployed.
        assert policy.properties["Content"] == expected[policy.properties["Name"].removeprefix("noriba-")]


# --- the evaluator itself ---------------------------------------------------------------------------------------------


def test_the_evaluator_knows_what_it_does_not_know() -> None:
    strange = {"Sid": "S", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a:b": "true"}}}

    with pytest.raises(KeyError, match="Bool"):
        find_denials({"Statement": [strange]}, "s3:GetObject", "*", {})
    with pytest.raises(AssertionError, match="allow nothing"):
        find_denials({"Statement": [{**strange, "Effect": "Allow"}]}, "s3:GetObject", "*", {})


def test_the_evaluator_reads_wildcards_as_iam_does() -> None:
    statement = {"Sid": "S", "Effect": "Deny", "Action": "s3:Get*", "NotResource": "arn:aws:s3:::a?/*"}

    def denied(action: str, resource: str) -> bool:
        return bool(find_denials({"Statement": [statement]}, action, resource, {}))

    assert denied("S3:GETOBJECT", "arn:aws:s3:::b/1")
    assert not denied("s3:PutObject", "arn:aws:s3:::b/1")
    assert not denied("s3:GetObject", "arn:aws:s3:::ab/1")
    assert denied("s3:GetObject", "arn:aws:s3:::abc/1")
