"""What accounts lack before a deployment, and a deployment after it; nothing is changed."""

from __future__ import annotations

import os
from dataclasses import replace

from noriba.aws.places import Places
from noriba.aws.preflight import CheckResult, Wishes, check_account, check_deployment

__all__ = ["CheckResult", "Wishes", "check_up"]


def check_up(wishes: Wishes) -> list[CheckResult]:
    """Every finding, good and bad, of every account that the environment points at; where there are several, named."""
    places = Places().all
    findings: list[CheckResult] = []
    for place in places:
        found = list(check_deployment(place, wishes))
        # Any other cloud has neither quotas nor an image to build.
        if "AWS_ENDPOINT_URL" not in os.environ:
            found = [*check_account(place, wishes, environment=os.environ), *found]
        findings += found if len(places) == 1 else [replace(one, account=place.account) for one in found]
    return findings
