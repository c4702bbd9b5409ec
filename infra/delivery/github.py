"""What GitHub Actions deploy with: no key that could be lost, but tokens that say which repository and environment.

https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam

from infra.constructs.acknowledgements import acknowledge
from infra.constructs.names import to_construct_id
from infra.delivery.asker import let_ask
from infra.delivery.builds import let_publish
from infra.delivery.environments import STAGING, find_settings
from infra.settings_file import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.delivery.scope import Scope
    from infra.topology import Delivery

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
IMAGES = "images"
"""The environment of GitHub in which the image is built; it deploys nothing."""
# What `cdk deploy` takes for stacks without images: to upload packages, and to hand stacks to CloudFormation.
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
BOOTSTRAP_ROLES = ("deploy-role", "file-publishing-role")
QUALIFIER = "hnb659fds"


def name_subject(delivery: Delivery, environment: str) -> str:
    """What the token of a job in an environment says of itself, to the letter.

    With the ids of owner and repository where the repository tells them, by default those made or renamed since
    July 15, 2026: a name can be somebody else's one day.
    https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
    """
    owner, name = delivery.repository.split("/")
    if delivery.github.owner_id is not None:
        owner, name = f"{owner}@{delivery.github.owner_id}", f"{name}@{delivery.github.repository_id}"
    return f"repo:{owner}/{name}:environment:{environment}"


class GitHubStack(Stack):
    """The provider of tokens and a role for each environment that is in one account."""

    def __init__(
        self, scope: Construct, construct_id: str, *, shared: Scope, account: str, environments: Iterable[str]
    ) -> None:
        super().__init__(
            scope, construct_id, env=shared.find_environment(account), description="Noriba: who GitHub Actions are here"
        )
        self._shared = shared
        self._provider = self._find_provider(account)
        for environment in environments:
            if environment == IMAGES:
                self._let_publish()
            else:
                self._let_deploy(environment)
            if environment == STAGING:
                self._let_ask()

    def _find_provider(self, account: str) -> str:
        """AWS trusts GitHub's certificate by its own list of authorities, and wants no thumbprint.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProviderThumbprint.html
        """
        if account in self._shared.delivery.github.provider_in:
            return f"arn:{self.partition}:iam::{self.account}:oidc-provider/{ISSUER}"
        provider = iam.CfnOIDCProvider(self, "Provider", url=f"https://{ISSUER}", client_id_list=[AUDIENCE])
        return provider.attr_arn

    def _make_role(self, environment: str, purpose: str) -> iam.Role:
        name = environment if purpose == environment else f"{environment}-{purpose}"
        words = to_construct_id(name.replace("-", "_"))
        subject = name_subject(self._shared.delivery, environment)
        only = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}}
        role = iam.Role(
            self,
            words,
            role_name=f"{self._shared.prefix}-github-{name}",
            assumed_by=iam.WebIdentityPrincipal(self._provider, only),
            max_session_duration=Duration.hours(1),
            description=f"Noriba: GitHub Actions in the environment {environment}",
        )
        CfnOutput(self, f"{words}RoleArn", value=role.role_arn)
        return role

    def _let_deploy(self, environment: str) -> None:
        role = self._make_role(environment, environment)
        place = f"{self.account}-{self.region}"
        names = [f"cdk-{QUALIFIER}-{name}-{place}" for name in BOOTSTRAP_ROLES]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                resources=[f"arn:{self.partition}:iam::{self.account}:role/{name}" for name in names],
            )
        )

    def _let_ask(self) -> None:
        settings = read_settings(self.node, find_settings(self._shared.delivery, STAGING))
        let_ask(self._make_role(STAGING, "asker"), prefix=settings.prefix)

    def _let_publish(self) -> None:
        role = self._make_role(IMAGES, IMAGES)
        for statement in let_publish(self._shared):
            role.add_to_policy(statement)
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]", reason="a registry's token knows no resource")
