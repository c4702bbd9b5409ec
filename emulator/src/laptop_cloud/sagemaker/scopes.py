"""The account and region that a request acts for."""

from __future__ import annotations

from dataclasses import dataclass

from laptop_cloud import ministack_seams


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region; nothing is shared between two scopes."""

    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a SageMaker resource, such as `training-job/eta-7`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}"


def current_scope() -> Scope:
    """That of the request which MiniStack is answering."""
    return Scope(ministack_seams.current_account(), ministack_seams.current_region())
