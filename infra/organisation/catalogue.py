"""The catalogue: what a team may ask for, as products with versions, and who is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_servicecatalog as servicecatalog
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from infra.organisation.launch_role import make_launch_role
from infra.organisation.names import CATALOGUE, name_permission_set
from infra.organisation.products import TeamAccount, UseCaseRequest, name_requests

if TYPE_CHECKING:
    from constructs import Construct

    from infra.organisation.scope import Scope

_BUDGET = ("ListTagsForResource", "ModifyBudget", "TagResource", "UntagResource", "ViewBudget")
VERSION = "1"
"""Of both products. A new one stands beside the old: what was launched keeps its own."""


class CatalogueStack(Stack):
    """A portfolio for whoever has the permission set `…-catalogue`."""

    def __init__(self, scope: Construct, construct_id: str, *, shared: Scope) -> None:
        super().__init__(scope, construct_id, env=shared.management, description="Noriba: the catalogue")
        self._shared = shared
        prefix = shared.prefix
        self._portfolio = servicecatalog.Portfolio(
            self, "Portfolio", display_name=prefix, provider_name=prefix, description="What a team may ask for"
        )
        self._admit()
        self._offer(
            "TeamAccount",
            "A new team account",
            "An account in a unit, under its guardrails, with a budget",
            TeamAccount(self, "TeamAccountTemplate", prefix=prefix, units=shared.topology.units),
            self._make_account_role(),
        )
        self._offer(
            "UseCase",
            "A new use case",
            "A record of what is asked for; administrators are told, and add it",
            UseCaseRequest(self, "UseCaseTemplate", prefix=prefix),
            self._make_request_role(),
        )
        self._tell_of_requests()

    def _admit(self) -> None:
        """By the name that Identity Center gives its roles.

        https://docs.aws.amazon.com/servicecatalog/latest/dg/API_AssociatePrincipalWithPortfolio.html
        """
        name = name_permission_set(CATALOGUE, prefix=self._shared.prefix)
        role = f"role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{name}_*"
        servicecatalog.CfnPortfolioPrincipalAssociation(
            self,
            "Launchers",
            portfolio_id=self._portfolio.portfolio_id,
            principal_arn=f"arn:{self._shared.topology.partition}:iam:::{role}",
            principal_type="IAM_PATTERN",
        )

    def _offer(self, name: str, title: str, does: str, template: servicecatalog.ProductStack, role: iam.Role) -> None:
        product = servicecatalog.CloudFormationProduct(
            self,
            name,
            product_name=title,
            owner=self._shared.prefix,
            description=does,
            product_versions=[
                servicecatalog.CloudFormationProductVersion(
                    product_version_name=VERSION,
                    cloud_formation_template=servicecatalog.CloudFormationTemplate.from_product_stack(template),
                )
            ],
        )
        self._portfolio.add_product(product)
        self._portfolio.set_launch_role(product, role)

    def _make_account_role(self) -> iam.Role:
        prefix = self._shared.prefix
        budgets = f"arn:{self.partition}:budgets::{self.account}:budget/{prefix}-team-*"
        return make_launch_role(
            self,
            "TeamAccountRole",
            statements=[
                # Organizations grants these by no resource, but for moves, whose ends nobody knows beforehand.
                # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html
                iam.PolicyStatement(
                    actions=[
                        "organizations:CreateAccount",
                        "organizations:DescribeAccount",
                        "organizations:DescribeCreateAccountStatus",
                        "organizations:ListParents",
                        "organizations:ListRoots",
                        "organizations:ListTagsForResource",
                        "organizations:MoveAccount",
                        "organizations:TagResource",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(actions=[f"budgets:{action}" for action in _BUDGET], resources=[budgets]),
            ],
            wildcards=[f"arn:<AWS::Partition>:budgets::{self.account}:budget/{prefix}-team-*"],
        )

    def _make_request_role(self) -> iam.Role:
        requests = f"{name_requests(self._shared.prefix).removeprefix('/')}/*"
        return make_launch_role(
            self,
            "UseCaseRole",
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "ssm:AddTagsToResource",
                        "ssm:DeleteParameter",
                        "ssm:GetParameter",
                        "ssm:GetParameters",
                        "ssm:ListTagsForResource",
                        "ssm:PutParameter",
                        "ssm:RemoveTagsFromResource",
                    ],
                    resources=[self.format_arn(service="ssm", resource="parameter", resource_name=requests)],
                )
            ],
            wildcards=[f"arn:<AWS::Partition>:ssm:{self.region}:{self.account}:parameter/{requests}"],
        )

    def _tell_of_requests(self) -> None:
        """A request is an event; what delivers use cases by itself may listen to it one day."""
        key = kms.Key(self, "Key", description="Noriba: what the catalogue tells", enable_key_rotation=True)
        key.add_to_resource_policy(
            iam.PolicyStatement(
                # EventBridge does not say for whom it asks: with a condition on the source, nothing would arrive.
                # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy: this key
            )
        )
        topic = sns.Topic(self, "Requests", master_key=key, enforce_ssl=True)
        for address in self._shared.topology.budgets.addresses:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
        events.Rule(
            self,
            "RequestRule",
            description="Somebody asked for a use case",
            event_pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["Parameter Store Change"],
                detail={
                    "name": [{"prefix": f"{name_requests(self._shared.prefix)}/"}],
                    "operation": ["Create", "Delete"],
                },
            ),
            targets=[targets.SnsTopic(topic)],
        )
