"""Names by which the organisation's stacks, its policies and its accounts agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.constructs.names import to_construct_id
from noriba.records.names import name_endpoint, name_package_group

if TYPE_CHECKING:
    from infra.topology import Topology

CATALOGUE = "catalogue"
"""The permission set by which administrators launch products in the management account, and nothing else."""
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sso-permissionset.html
LONGEST_PERMISSION_SET = 32


def to_words(name: str) -> str:
    """A name of words with hyphens, as constructs are called: `data-engineer` becomes `DataEngineer`."""
    return to_construct_id(name.replace("-", "_"))


def name_unit_export(unit: str, *, prefix: str) -> str:
    """Under which name other stacks of the management account find a unit's id."""
    return f"{prefix}-unit-{unit}"


def name_permission_set(persona: str, *, prefix: str) -> str:
    """A persona's permission set; its roles are called `AWSReservedSSO_<name>_<hash>`."""
    return f"{prefix}-{persona}"


def name_guardrail(policy: str, *, prefix: str) -> str:
    """A service control policy."""
    return f"{prefix}-{policy}"


def name_trail(prefix: str) -> str:
    """The organisation's trail."""
    return f"{prefix}-organisation"


def name_trail_bucket(topology: Topology, *, prefix: str) -> str:
    """The bucket of the trail: a name that two accounts can know before either is deployed."""
    return f"{prefix}-trail-{topology.organisation.id}"


def name_trail_key(prefix: str) -> str:
    """The alias of the key that the trail is encrypted with."""
    return f"alias/{prefix}-trail"


def format_trail_arn(topology: Topology, *, prefix: str) -> str:
    """The trail's ARN, which the bucket and its key let in."""
    place = f"{topology.regions.home}:{topology.organisation.management}"
    return f"arn:{topology.partition}:cloudtrail:{place}:trail/{name_trail(prefix)}"


def list_sagemaker_names(topology: Topology, *, prefix: str) -> list[str]:
    """ARN patterns of the endpoints, configurations and package groups that the use cases have."""
    patterns = []
    for use_case in topology.use_cases:
        endpoint, group = name_endpoint(use_case, prefix=prefix), name_package_group(use_case, prefix=prefix)
        names = [f"model-package-group/{group}"]
        # Configurations, and staging's endpoints, bear a stage and an attempt behind the endpoint's name.
        names += [f"{kind}/{name}" for kind in ("endpoint", "endpoint-config") for name in (endpoint, f"{endpoint}-*")]
        patterns += [f"arn:{topology.partition}:sagemaker:*:*:{name}" for name in names]
    return patterns
