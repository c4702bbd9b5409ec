"""The account and region that a request acts for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region; nothing is shared between two scopes."""

    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a SageMaker resource, such as `training-job/eta-7`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}"
