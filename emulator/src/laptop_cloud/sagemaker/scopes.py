"""The account and region that a request acts for."""

from __future__ import annotations

from dataclasses import dataclass

from laptop_cloud import ministack_seams
from laptop_cloud.callers import describe_caller
from laptop_cloud.policies import assume_role


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region; nothing is shared between two scopes."""

    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a SageMaker resource, such as `training-job/eta-7`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf SageMaker, and what runs in it, calls other services."""

    scope: Scope
    role: str
    """Its ARN; empty where a model was made without one."""


def act_as(actor: Actor) -> dict[str, str]:
    """The environment of a program that acts for a role, which lacks only the address; of the account, without one."""
    environment = dict(describe_caller(actor.scope.account, actor.scope.region))
    if actor.role:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        environment |= dict(zip(names, assume_role(actor.role, "SageMaker"), strict=True))
    return environment


def current_scope() -> Scope:
    """That of the request which MiniStack is answering."""
    return Scope(ministack_seams.current_account(), ministack_seams.current_region())
