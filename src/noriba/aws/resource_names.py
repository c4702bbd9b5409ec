"""What SageMaker has of endpoints, their configurations and models, by the beginning of their names."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from noriba.aws.ledger_endpoints import EndpointControl


class Kind(Enum):
    """What is listed: the operation, the member of its answer, and the field that holds the name."""

    ENDPOINT = ("list_endpoints", "Endpoints", "EndpointName")
    CONFIGURATION = ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")
    MODEL = ("list_models", "Models", "ModelName")
    PACKAGE_GROUP = ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName")


def list_names(sagemaker: EndpointControl, kind: Kind, *, prefix: str) -> list[str]:
    """Names that begin so, in SageMaker's order; SageMaker itself looks anywhere in a name."""
    operation, member, field = kind.value
    paginator: Any = sagemaker.get_paginator(operation)
    pages: Iterable[Mapping[str, Any]] = paginator.paginate(NameContains=prefix)
    return [found[field] for page in pages for found in page[member] if found[field].startswith(prefix)]
