"""Least privilege, proved: what every role may do stands in one table, so that a wider grant fails a test."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from infra.constructs.bus_policy import SPEAKERS
from noriba.events import NORIBA_EVENTS
from tests.infra.assembly import Statement, as_list
from tests.infra.conftest import look_up
from tests.infra.grants import ROLES, expected_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.assembly import Assembly

GATEWAY_LOGS = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"


@pytest.fixture(scope="session")
def statements(assembly: Assembly) -> list[Statement]:
    return list(assembly.identity_statements())


@pytest.fixture(scope="session")
def grants(statements: list[Statement]) -> dict[str, dict[str, set[str]]]:
    """What each role may do on what."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for statement in statements:
        for action in statement.actions:
            found[statement.owner][action] |= set(statement.resources)
    return found


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_role_stands_in_the_table(assembly: Assembly, grants: dict[str, dict[str, set[str]]]) -> None:
    roles = {role.name for role in assembly.find("AWS::IAM::Role")}

    assert sorted(grants) == ROLES
    assert roles - grants.keys() == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_this_and_no_more(grants: dict[str, dict[str, set[str]]], role: str) -> None:
    assert grants[role] == expected_grants(role)


def test_a_policy_lets_people_ask_one_question_and_nobody_has_it_unasked(assembly: Assembly) -> None:
    policy = assembly.one("AWS::IAM::ManagedPolicy", "AskWhy")
    [document] = policy.properties["PolicyDocument"]["Statement"]
    statement = Statement.parse(policy.name, document)

    assert (statement.effect, statement.actions) == ("Allow", ("execute-api:Invoke",))
    [route] = statement.resources
    assert route.endswith("/GET/v1/*/predictions/*/why")
    assert "OperatorsApi" in route
    assert not {"Roles", "Users", "Groups"} & policy.properties.keys()
    # IAM's names are those of the account: a second region must not find it taken.
    assert policy.properties["ManagedPolicyName"] == "noriba-ask-why-<AWS::Region>"


# --- rules that hold for all ------------------------------------------------------------------------------------------


def test_policies_only_allow_and_only_named_actions(statements: list[Statement]) -> None:
    for statement in statements:
        assert statement.effect == "Allow", statement
        assert not [action for action in statement.actions if "*" in action], statement


def test_every_action_exists(statements: list[Statement], actions_of_aws: dict[str, Any]) -> None:
    for statement in statements:
        for action in statement.actions:
            look_up(actions_of_aws, action)
    with pytest.raises(KeyError):
        look_up(actions_of_aws, "sagemaker:ApproveModelPackage")


def test_all_resources_are_allowed_only_where_an_action_knows_none(
    statements: list[Statement], actions_of_aws: dict[str, Any]
) -> None:
    for statement in statements:
        if "*" in statement.resources:
            known = {action for action in statement.actions if look_up(actions_of_aws, action)}
            if "cloudwatch:PutMetricData" in known:
                # Metrics are no resource; what holds it is the namespace.
                assert statement.conditions == {
                    "StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}
                }
                known.remove("cloudwatch:PutMetricData")
            # Whoever may read one metric may read all.
            known.discard("cloudwatch:GetMetricData")
            assert known == set(), statement


def test_sagemaker_actions_are_allowed_on_kinds_of_resource_that_they_know(
    statements: list[Statement], actions_of_aws: dict[str, Any]
) -> None:
    """An action on another kind allows nothing, and is found out in production."""
    for statement in statements:
        named = [r.removeprefix("sagemaker:").split("/")[0] for r in statement.resources if r.startswith("sagemaker:")]
        for action in statement.actions:
            if named:
                assert set(named) & set(look_up(actions_of_aws, action)), statement


def test_nobody_publishes_in_another_part_s_name(statements: list[Statement]) -> None:
    """Whoever could put any event on the bus could approve a model."""
    said = {s.owner: s.conditions for s in statements if "events:PutEvents" in s.actions}

    assert said == {
        role: {
            # A request holds several events; one that names no source must not slip through.
            "ForAllValues:StringEquals": {"events:source": [f"noriba.{part}" for part in parts]},
            "Null": {"events:source": "false"},
        }
        for role, parts in {
            "DecideRetrainingRole": ["monitoring"],
            "IngestRole": ["data"],
            "MeasureTrafficRole": ["monitor"],
            "RecordOutcomeRole": ["serving"],
            "RolloutRole": ["rollout"],
            "SettleRole": ["data"],
            "TidyRolloutsRole": ["rollout"],
            "TrainRole": ["registry", "training"],
        }.items()
    }


def test_what_is_said_in_a_part_s_name_comes_from_its_own_roles(assembly: Assembly) -> None:
    """Whoever may put events anywhere in the account could otherwise start a training, or report outcomes."""
    denied = {
        policy.properties["Statement"]["Condition"]["ForAnyValue:StringEquals"]["events:source"][0]: policy
        for policy in assembly.find("AWS::Events::EventBusPolicy")
    }

    assert denied.keys() == {event.source for event in NORIBA_EVENTS} == SPEAKERS.keys()
    for source, policy in denied.items():
        statement = policy.properties["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
            "Deny",
            {"AWS": "*"},
            "events:PutEvents",
        )
        assert statement["Condition"]["ArnNotLike"] == {
            "aws:PrincipalArn": [f"arn:<AWS::Partition>:iam::<AWS::AccountId>:role/noriba-{SPEAKERS[source]}-*"]
        }
        # People ask for training, with their own credentials; it decides nothing.
        assert statement["Condition"]["ForAnyValue:StringNotEquals"] == {"events:detail-type": ["RetrainingRequested"]}


def test_the_roles_that_speak_stand_where_the_bus_looks_for_them(
    assembly: Assembly, statements: list[Statement]
) -> None:
    stacks = {role.name: role.stack for role in assembly.find("AWS::IAM::Role")}
    for statement in statements:
        if "events:PutEvents" in statement.actions:
            for source in statement.conditions["ForAllValues:StringEquals"]["events:source"]:
                assert stacks[statement.owner] == SPEAKERS[source], statement.owner
    # They are found by the names that CloudFormation gives them.
    assert not [role.name for role in assembly.find("AWS::IAM::Role") if "RoleName" in role.properties]


# Lambda does not say for whom it assumes a role: with a condition, no function would run.
SAYS_WHOSE = {
    "events": "aws:SourceAccount",
    "firehose": "sts:ExternalId",
    "lambda": None,
    "sagemaker": "aws:SourceAccount",
    "states": "aws:SourceAccount",
}


def test_services_act_for_this_account_alone_by_the_key_that_each_sends(assembly: Assembly) -> None:
    """A key that a service does not send shuts it out: Firehose would deliver nothing."""
    found: dict[str, Any] = {}
    for role in assembly.find("AWS::IAM::Role"):
        [statement] = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if service := statement["Principal"].get("Service"):
            assert found.setdefault(service, statement.get("Condition")) == statement.get("Condition"), role.name

    assert found == {
        f"{service}.amazonaws.com": None if key is None else {"StringEquals": {key: "<AWS::AccountId>"}}
        for service, key in SAYS_WHOSE.items()
    }


def test_an_approver_shows_a_second_factor_and_the_permission_set_where_that_is_asked_for(
    assembly: Assembly, customised: Assembly
) -> None:
    here = "arn:<AWS::Partition>:iam::<AWS::AccountId>:role/aws-reserved/sso.amazonaws.com"
    role = "AWSReservedSSO_trial-approver_*"
    asked = {
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        # With a region in it, and without.
        "ArnLike": {"aws:PrincipalArn": [f"{here}/{role}", f"{here}/*/{role}"]},
    }
    for found, condition in ((assembly, None), (customised, asked)):
        [statement] = found.one("AWS::IAM::Role", "Approver").properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement.get("Condition") == condition


def test_nobody_writes_to_a_bucket_as_a_whole(statements: list[Statement]) -> None:
    for statement in statements:
        for resource in statement.resources:
            if resource.endswith("Bucket") and any(action.startswith("s3:") for action in statement.actions):
                assert not {"s3:PutObject", "s3:GetObject", "s3:DeleteObject"} & set(statement.actions), statement


def test_nobody_deletes_data(grants: dict[str, dict[str, set[str]]]) -> None:
    deletions = {
        (role, action) for role, actions in grants.items() for action in actions if "Delete" in action.split(":")[1]
    }

    assert {(role, action) for role, action in deletions if not action.startswith("logs:")} == {
        ("GatherTrafficRole", "s3:DeleteObjectVersion"),  # what it wrote while that was being erased
        ("RolloutRole", "dynamodb:DeleteItem"),  # its lock
        ("JudgeRolloutRole", "dynamodb:DeleteItem"),  # that it is comparing
        ("RolloutRole", "sagemaker:DeleteEndpoint"),  # staging, by the table above
        ("RolloutRole", "sagemaker:DeleteEndpointConfig"),
        ("RolloutRole", "sagemaker:DeleteModel"),
        ("TidyRolloutsRole", "dynamodb:DeleteItem"),  # the lock of a rollout that was stopped
        ("TidyRolloutsRole", "sagemaker:DeleteEndpoint"),  # staging; production is nobody's to delete
        ("TidyRolloutsRole", "sagemaker:DeleteEndpointConfig"),
        ("TidyRolloutsRole", "sagemaker:DeleteModel"),
    }


def test_roles_are_passed_to_sagemaker_alone(statements: list[Statement]) -> None:
    passing = [statement for statement in statements if "iam:PassRole" in statement.actions]

    assert len(passing) == 2
    for statement in passing:
        assert statement.actions == ("iam:PassRole",)
        assert statement.conditions == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert "*" not in "".join(statement.resources)


def test_key_grants_are_made_for_aws_services_alone(statements: list[Statement]) -> None:
    granting = [statement for statement in statements if "kms:CreateGrant" in statement.actions]

    assert [statement.conditions for statement in granting] == [{"Bool": {"kms:GrantIsForAWSResource": True}}] * 3


def test_whoever_updates_an_endpoint_may_let_its_volumes_use_the_key(grants: dict[str, dict[str, set[str]]]) -> None:
    updating = {role for role, actions in grants.items() if "sagemaker:UpdateEndpoint" in actions}

    assert updating == {"RolloutRole", "TidyRolloutsRole"}
    for role in updating:
        assert grants[role]["kms:CreateGrant"] == {"Key"}


def test_each_role_is_taken_by_one_kind_of_caller(assembly: Assembly) -> None:
    takers = {
        role.name: [s["Principal"] for s in role.properties["AssumeRolePolicyDocument"]["Statement"]]
        for role in assembly.find("AWS::IAM::Role")
    }
    account = {"AWS": "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"}

    assert [role for role, principals in takers.items() if principals == [account]] == ["Approver"]
    for role, principals in takers.items():
        if role != "Approver":
            [principal] = principals
            assert list(principal) == ["Service"], role


def test_the_only_managed_policy_is_the_gateway_s_where_it_is_asked_for(
    assembly: Assembly, customised: Assembly
) -> None:
    for found, expected in ((assembly, {}), (customised, {"ApiCloudWatchRole": [GATEWAY_LOGS]})):
        managed = {r.name: r.properties.get("ManagedPolicyArns", []) for r in found.find("AWS::IAM::Role")}

        assert {role: policies for role, policies in managed.items() if policies} == expected
    assert not [r for r in assembly.find("AWS::IAM::Role") if "Policies" in r.properties]


# --- who must not ----------------------------------------------------------------------------------------------------


def test_the_approver_can_neither_train_nor_deploy_nor_read_data(grants: dict[str, dict[str, set[str]]]) -> None:
    verbs = {action.split(":")[1] for action in grants["Approver"]}

    assert {action.split(":")[0] for action in grants["Approver"]} == {"sagemaker"}
    assert not {verb for verb in verbs if verb.startswith(("Create", "Delete", "Start", "Stop", "Invoke"))}
    assert {verb for verb in verbs if verb.startswith("Update")} == {"UpdateModelPackage"}


def test_what_registers_a_candidate_cannot_approve_it(statements: list[Statement]) -> None:
    writing = {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
    found = [s for s in statements if s.owner == "RegisterCandidateRole" and writing & set(s.actions)]

    assert {action for statement in found for action in statement.actions} == writing
    for statement in found:
        assert statement.conditions == {
            "StringEquals": {"sagemaker:ModelApprovalStatus": ["PendingManualApproval", "Rejected"]}
        }


def test_only_the_approver_can_approve(statements: list[Statement]) -> None:
    unconditional = {
        s.owner
        for s in statements
        if not s.conditions and {"sagemaker:UpdateModelPackage", "sagemaker:CreateModelPackage"} & set(s.actions)
    }

    assert unconditional == {"Approver"}


def test_what_apps_call_reads_no_data_and_of_the_ledger_how_requests_are_split(
    grants: dict[str, dict[str, set[str]]], statements: list[Statement]
) -> None:
    for function in ("RecordOutcome", "DescribeService"):
        services = {action.split(":")[0] for action in grants[f"{function}Role"]}

        assert not services & {"s3", "dynamodb", "kms", "iam", "states", "lambda"}, function
    # It finds what models learned their features to be, which of two models a subject meets, and live means.
    predict = {action: on for action, on in grants["PredictRole"].items() if not action.startswith(("logs:", "xray:"))}
    assert predict == {
        "sagemaker:InvokeEndpoint": {"sagemaker:endpoint/noriba-taxi-eta"},
        "s3:GetObject": {"ModelsBucket/features/*"},
        "dynamodb:GetItem": {"Ledger"},
        "kms:Decrypt": {"Key"},
    }
    # No token by which a rollout is answered, and no ARN of a model.
    [reading] = [s for s in statements if s.owner == "PredictRole" and s.actions == ("dynamodb:GetItem",)]
    assert reading.conditions == {
        "ForAllValues:StringEquals": {
            "dynamodb:Attributes": [
                "use_case",
                "entry",
                "execution",
                "stage",
                "champion",
                "challenger",
                "percent",
                "feature_fingerprint",
                "factor",
                "bundle_digest",
                "live_means",
            ]
        },
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }


def test_a_model_in_service_reads_models_has_its_requests_captured_and_nothing_else(
    grants: dict[str, dict[str, set[str]]],
) -> None:
    assert {action: on for action, on in grants["ModelsRole"].items() if action.startswith(("s3:", "dynamodb:"))} == {
        "s3:GetObject": {"ModelsBucket/*"},
        # SageMaker captures in the model's name.
        "s3:PutObject": {"CapturesBucket/noriba-taxi-eta/*"},
    }


# --- policies on resources --------------------------------------------------------------------------------------------


def resource_statements(assembly: Assembly) -> Iterator[Statement]:
    for resource in assembly.resources:
        for name in ("PolicyDocument", "KeyPolicy"):
            if not resource.type.startswith("AWS::IAM::") and name in resource.properties:
                for document in resource.properties[name]["Statement"]:
                    yield Statement.parse(resource.name, document)


def test_resources_let_nobody_in_but_this_account_and_named_services(assembly: Assembly) -> None:
    for statement in resource_statements(assembly):
        if statement.effect == "Allow":
            principals = {p for value in statement.principal.values() for p in as_list(value)}

            assert "*" not in principals, statement
            assert all(p.endswith((".amazonaws.com", "<AWS::AccountId>:root")) for p in principals), statement


def test_only_refusals_and_the_key_s_owner_have_wildcards_in_their_actions(assembly: Assembly) -> None:
    wide = {
        (statement.owner, action)
        for statement in resource_statements(assembly)
        for action in statement.actions
        if "*" in action and statement.effect == "Allow"
    }

    # Without it, the account could lose its key. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    assert wide == {("Key", "kms:*")}
