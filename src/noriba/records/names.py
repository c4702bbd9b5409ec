"""Names of what is made in SageMaker: whoever makes them and whoever looks for them must agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from noriba.usecase import to_resource_name

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIANT_FORMAT = "v{}"
"""A production variant is named after the model's version, so that every answer says which model gave it."""
STAGING_FORMAT = "{}-staging-{}"
"""Staging endpoint, and its configuration: endpoint and attempt."""
SHADOW_FORMAT = "{}-shadow-{}"
"""Production's configuration with a challenger in the shadow: endpoint and attempt."""
CANARY_FORMAT = "{}-canary-{}"
"""Production's configuration with a challenger that answers too: endpoint and attempt."""
MODEL_FORMAT = "{}-{}-{}"
"""A model, and production's configuration of it alone: endpoint, variant and attempt."""
_ATTEMPT = "[0-9a-f]{8}"
_GENERATED = re.compile(r"(?<=[A-Za-z])[0-9A-F]{8}-[0-9A-Za-z]{12,14}$")
"""What the CDK makes a logical id unique with, and CloudFormation a name."""

IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""Statuses in which SageMaker takes no other order for an endpoint.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
"""


def name_package_group(use_case: str, *, prefix: str) -> str:
    """The model package group of a use case."""
    return f"{prefix}-{to_resource_name(use_case)}"


def name_endpoint(use_case: str, *, prefix: str) -> str:
    """The production endpoint of a use case."""
    return f"{prefix}-{to_resource_name(use_case)}"


ENDPOINT_ALARMS = ("errors", "latency")


def name_endpoint_alarm(use_case: str, kind: str, *, prefix: str) -> str:
    """An alarm on the production endpoint of a use case; whoever compares models looks it up."""
    return f"{name_endpoint(use_case, prefix=prefix)}-endpoint-{kind}"


def name_world_alarm(use_case: str, *, prefix: str) -> str:
    """The alarm that says that a model no longer fits what it is asked; whoever decides on training hears it."""
    return f"{name_endpoint(use_case, prefix=prefix)}-world-changed"


def shorten_alarm_name(name: str) -> str:
    """An alarm's name as a person knows it: of one that CloudFormation named, the stack and the alarm, no hashes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
    """
    return _GENERATED.sub("", name)


def read_version(variant: str) -> int:
    """The model version that a variant's name says."""
    return int(variant.removeprefix("v"))


def read_package_version(package_arn: str) -> int:
    """The version that the ARN of a model package names."""
    return int(package_arn.rpartition("/")[2])


def read_package_group(package_arn: str) -> str:
    """The model package group that the ARN of a model package names."""
    return package_arn.rpartition("/")[0].rpartition("/")[2]


def is_staging(name: str, *, prefix: str) -> bool:
    """Whether a rollout of the deployment with this prefix gives a staging endpoint such a name."""
    return re.fullmatch(STAGING_FORMAT.format(f"{re.escape(prefix)}-.+", _ATTEMPT), name) is not None


def pick_made_by_rollouts(names: Iterable[str], endpoint: str) -> list[str]:
    """Those names that a rollout to an endpoint gives: `…-<stage>-<attempt>` and `…-v<version>-<attempt>`.

    Names of another use case, which may begin with the same words, are not among them.
    """
    base = re.escape(endpoint)
    forms = [form.format(base, _ATTEMPT) for form in (STAGING_FORMAT, SHADOW_FORMAT, CANARY_FORMAT)]
    made = re.compile("|".join((*forms, MODEL_FORMAT.format(base, VARIANT_FORMAT.format(r"\d+"), _ATTEMPT))))
    return [name for name in names if made.fullmatch(name)]


def pick_variants(names: Iterable[str]) -> list[str]:
    """Those names that production variants have."""
    return [name for name in names if re.fullmatch(VARIANT_FORMAT.format(r"\d+"), name)]
