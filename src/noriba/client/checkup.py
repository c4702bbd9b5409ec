"""What an account lacks before a deployment, and a deployment after it; nothing is changed."""

from __future__ import annotations

import os

from noriba.aws.clients import Clients
from noriba.aws.preflight import CheckResult, Wishes, check_account, check_deployment

__all__ = ["CheckResult", "Wishes", "check_up"]


def check_up(wishes: Wishes) -> list[CheckResult]:
    """Every finding, good and bad, where the environment points."""
    clients = Clients()
    findings = list(check_deployment(clients, wishes))
    if "AWS_ENDPOINT_URL" in os.environ:
        # Any other cloud has neither quotas nor an image to build.
        return findings
    return [*check_account(clients, wishes, environment=os.environ), *findings]
