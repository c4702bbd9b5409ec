"""The policies of people: what IAM takes, nothing that is wider than it says, and nobody who has one unasked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra.constructs.names import name_persona_policy
from infra.people.personas import PERSONAS
from infra.topology import PERSONAS as WORKPLACES
from tests.infra.assembly import Statement
from tests.infra.conftest import look_up
from tests.infra.personas.account import ACCOUNT, REGION, Account
from tests.infra.personas.simulator import Request, decide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.infra.assembly import Assembly

LIMIT = 6144
"""Characters of a managed policy, without spaces. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
KNOW_NO_RESOURCE = {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"}
"""DescribeAlarms leaves composite alarms out where it is narrower; metrics are no resource."""
PER_USE_CASE = 320
"""About so many characters more a use case takes, in the policy that names most of its things."""


def list_statements(assembly: Assembly) -> Iterator[Statement]:
    for policy in assembly.find("AWS::IAM::ManagedPolicy", stack="people"):
        for document in policy.properties["PolicyDocument"]["Statement"]:
            yield Statement.parse(policy.name, document)


def test_there_is_one_for_each_persona_under_its_name_and_nobody_has_it(assembly: Assembly) -> None:
    policies = assembly.find("AWS::IAM::ManagedPolicy", stack="people")

    # A second region must not find the names taken: they are those of the account.
    assert {policy.properties["ManagedPolicyName"] for policy in policies} == {
        name_persona_policy(persona, prefix="noriba", region="<AWS::Region>") for persona in PERSONAS
    }
    outputs = assembly.templates["people"]["Outputs"].values()
    assert {assembly.read(output["Value"]) for output in outputs} == {f"<{policy.name}>" for policy in policies}
    for policy in policies:
        assert not {"Roles", "Users", "Groups"} & policy.properties.keys(), policy.name


def test_an_organisation_knows_the_same_personas() -> None:
    assert WORKPLACES.keys() == PERSONAS.keys()


def test_they_are_short_enough_for_iam_and_leave_room_for_more_use_cases(account: Account) -> None:
    sizes = {name: len(json.dumps(policy, separators=(",", ":"))) for name, policy in account.managed.items()}

    assert max(sizes.values()) + 4 * PER_USE_CASE < LIMIT, sizes


def test_they_name_their_actions_and_every_action_exists(assembly: Assembly, actions_of_aws: dict[str, Any]) -> None:
    for statement in list_statements(assembly):
        for action in statement.actions:
            assert "*" not in action, statement
            look_up(actions_of_aws, action)


def test_they_allow_all_resources_only_where_an_action_knows_none(
    assembly: Assembly, actions_of_aws: dict[str, Any]
) -> None:
    for statement in list_statements(assembly):
        if statement.effect == "Allow" and "*" in statement.resources:
            known = {action for action in statement.actions if look_up(actions_of_aws, action)}
            assert known <= KNOW_NO_RESOURCE, statement


def test_they_pass_no_role_and_change_nothing_of_iam(assembly: Assembly) -> None:
    for statement in list_statements(assembly):
        of_iam = {action for action in statement.actions if action.startswith("iam:")}
        assert not of_iam or (statement.effect, of_iam) == ("Deny", {"iam:PassRole"}), statement


def test_of_roles_they_let_people_take_the_approver_s_and_those_of_the_bootstrap(assembly: Assembly) -> None:
    taken = {
        (statement.owner, role)
        for statement in list_statements(assembly)
        if statement.effect == "Allow" and "sts:AssumeRole" in statement.actions
        for role in statement.resources
    }
    kinds = ("deploy", "file-publishing", "image-publishing", "lookup")

    assert taken == {
        ("Approver", "Approver"),
        *(("Administrator", f"iam:role/cdk-hnb659fds-{kind}-role-<AWS::AccountId>-<AWS::Region>") for kind in kinds),
    }


def test_only_operators_answer_a_rollout_that_waits(assembly: Assembly) -> None:
    """Not in the matrix: AWS's own list has no resource for it, though IAM asks about the machine.

    https://github.com/aws/aws-cdk/pull/8486
    """
    answering = [statement for statement in list_statements(assembly) if "states:SendTaskSuccess" in statement.actions]

    assert [statement.owner for statement in answering] == ["Operator"]
    assert "RolloutMachine" in answering[0].resources


@pytest.mark.parametrize(("permission_set", "expected"), [("trial-approver", True), ("trial-administrator", False)])
def test_where_a_permission_set_is_named_no_other_takes_the_approver_s_role(
    customised: Assembly, permission_set: str, expected: bool
) -> None:
    """Whatever else lets them, such as all that an administrator of the account may."""
    account = Account(customised)
    role = f"AWSReservedSSO_{permission_set}_0123456789abcdef"
    generous = replace(
        account.stranger("generous"),
        arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/somebody",
        role=f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{REGION}/{role}",
        policies=[{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}],
    )
    taken = Request("sts:AssumeRole", account.roles["Approver"].role, {"aws:MultiFactorAuthPresent": "true"})

    assert decide(account, [(generous, taken)]) == [expected]
