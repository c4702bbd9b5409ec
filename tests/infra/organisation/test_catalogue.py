"""The catalogue: what its products make, as whom, for whom, and who hears of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.organisation.names import name_unit_export
from noriba.usecase import list_use_cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.assembly import Assembly

PRODUCTS = {"A new team account": "TeamAccount", "A new use case": "UseCase"}


def read_template(found: Assembly, product: str) -> Mapping[str, Any]:
    """The template of a product, as a file of the assembly."""
    [file] = found.path.glob(f"*{product}Template*.product.template.json")
    template: Mapping[str, Any] = json.loads(file.read_text())
    return template


def list_actions(found: Assembly, role: str) -> set[str]:
    policy = found.one("AWS::IAM::ManagedPolicy", f"{role}Policy")
    return {
        action
        for statement in policy.properties["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_both_products_are_offered_in_a_version(organisation: Assembly) -> None:
    products = organisation.find("AWS::ServiceCatalog::CloudFormationProduct")
    offered = {a.properties["ProductId"] for a in organisation.find("AWS::ServiceCatalog::PortfolioProductAssociation")}

    assert {p.properties["Name"]: p.name for p in products} == PRODUCTS
    assert offered == {f"<{name}>" for name in PRODUCTS.values()}
    for product in products:
        [version] = product.properties["ProvisioningArtifactParameters"]
        assert version["Name"] == "1"


def test_a_product_is_launched_as_its_own_role(organisation: Assembly) -> None:
    constraints = organisation.find("AWS::ServiceCatalog::LaunchRoleConstraint")

    assert {c.properties["ProductId"]: c.properties["RoleArn"] for c in constraints} == {
        "<TeamAccount>": "<TeamAccountRole.Arn>",
        "<UseCase>": "<UseCaseRole.Arn>",
    }
    for name in PRODUCTS.values():
        role = organisation.one("AWS::IAM::Role", f"{name}Role")
        [trust] = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "servicecatalog.amazonaws.com"}
        # No page says that the service tells its account: with a condition on it, no product might be launched.
        assert "Condition" not in trust


def test_a_role_makes_what_its_template_makes_and_closes_no_account(organisation: Assembly) -> None:
    account, request = (list_actions(organisation, f"{name}Role") for name in PRODUCTS.values())

    assert {"organizations:CreateAccount", "budgets:ModifyBudget"} <= account
    assert "ssm:PutParameter" in request
    assert not {action for action in request if action.startswith("organizations:")}
    for actions in (account, request):
        assert not {action for action in actions if action.startswith("iam:") or "*" in action}
        assert not actions & {"organizations:CloseAccount", "organizations:RemoveAccountFromOrganization"}


def test_those_with_the_catalogue_s_permission_set_launch_and_nobody_else(organisation: Assembly) -> None:
    [launchers] = organisation.find("AWS::ServiceCatalog::PortfolioPrincipalAssociation")
    [prefix, pattern] = launchers.properties["PrincipalARN"].split(":role/")
    reserved = "aws-reserved/sso.amazonaws.com/"

    def admits(role: str) -> bool:
        return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), role))

    assert prefix == "arn:aws:iam::"
    assert launchers.properties["PrincipalType"] == "IAM_PATTERN"
    # The region of Identity Center stands in the path where it is not us-east-1.
    assert admits(f"{reserved}AWSReservedSSO_noriba-catalogue_0123456789abcdef")
    assert admits(f"{reserved}ap-northeast-1/AWSReservedSSO_noriba-catalogue_0123456789abcdef")
    assert not admits(f"{reserved}AWSReservedSSO_noriba-operator_0123456789abcdef")
    assert not admits("AWSReservedSSO_noriba-catalogue_0123456789abcdef")


def test_a_team_s_account_stands_in_a_unit_and_has_a_budget(organisation: Assembly) -> None:
    template = read_template(organisation, "TeamAccount")
    account, budget = template["Resources"]["Account"], template["Resources"]["Budget"]
    parameters = template["Parameters"]

    assert account["Type"] == "AWS::Organizations::Account"
    assert account["DeletionPolicy"] == "Retain"
    assert budget["Properties"]["Budget"]["CostFilters"] == {
        "LinkedAccount": [{"Fn::GetAtt": ["Account", "AccountId"]}]
    }
    assert budget["Properties"]["Budget"]["BudgetLimit"]["Amount"] == {"Ref": "BudgetUsd"}
    assert parameters["Unit"]["AllowedValues"] == ["governance", "workloads"]
    # Whichever unit is chosen, its id is exported by that name.
    [parent] = account["Properties"]["ParentIds"]
    for unit in parameters["Unit"]["AllowedValues"]:
        name = "".join(unit if part == {"Ref": "Unit"} else part for part in parent["Fn::ImportValue"]["Fn::Join"][1])
        assert name == name_unit_export(unit, prefix="noriba")
        assert name in organisation.exports


def test_a_use_case_that_is_asked_for_is_a_record(organisation: Assembly) -> None:
    template = read_template(organisation, "UseCase")
    [(_name, request)] = template["Resources"].items()
    answers = {"UseCase": "bus_eta", "Owner": "a@example.com", "Purpose": "When the next bus comes; for riders."}

    def fill(value: Any) -> str:
        return "".join(part if isinstance(part, str) else answers[part["Ref"]] for part in value["Fn::Join"][1])

    assert request["Type"] == "AWS::SSM::Parameter"
    assert fill(request["Properties"]["Name"]) == "/noriba/use-cases/bus_eta"
    assert json.loads(fill(request["Properties"]["Value"])) == {
        "owner": "a@example.com",
        "purpose": "When the next bus comes; for riders.",
    }


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("UseCase", ["bus_eta", "b2", *list_use_cases()], ["Bus", "_eta", "bus__eta", "bus-eta", "2bus", ""]),
        ("Owner", ["a@example.com"], ["a", "a b@example.com"]),
        ("Purpose", ["When, and for whom?"], ['"', "back\\slash", "two\nlines", ""]),
    ],
)
def test_answers_that_make_no_record_are_refused_by_the_form(
    organisation: Assembly, parameter: str, good: list[str], bad: list[str]
) -> None:
    described = read_template(organisation, "UseCase")["Parameters"][parameter]

    def fits(answer: str) -> bool:
        return bool(re.fullmatch(described["AllowedPattern"], answer)) and len(answer) <= described.get("MaxLength", 99)

    assert all(fits(answer) for answer in good)
    assert not [answer for answer in bad if fits(answer)]


def test_administrators_are_told_of_a_request(organisation: Assembly) -> None:
    [rule] = organisation.find("AWS::Events::Rule")
    [target] = rule.properties["Targets"]
    subscriptions = organisation.find("AWS::SNS::Subscription")
    [key] = [k for k in organisation.find("AWS::KMS::Key") if k.stack == "catalogue"]
    services = [s["Principal"].get("Service") for s in key.properties["KeyPolicy"]["Statement"]]

    assert rule.properties["EventPattern"]["source"] == ["aws.ssm"]
    assert rule.properties["EventPattern"]["detail"]["name"] == [{"prefix": "/noriba/use-cases/"}]
    assert target["Arn"] == "<Requests>"
    assert {(s.properties["TopicArn"], s.properties["Endpoint"]) for s in subscriptions} == {
        ("<Requests>", "finops@example.com")
    }
    # An encrypted topic takes only what may use its key.
    assert "events.amazonaws.com" in services
