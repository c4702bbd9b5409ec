"""Names that the rollout gives and serving looks for."""

from __future__ import annotations

from noriba.usecase import to_resource_name


def name_endpoint(use_case: str, *, prefix: str) -> str:
    """The production endpoint of a use case."""
    return f"{prefix}-{to_resource_name(use_case)}"


def name_staging_endpoint(use_case: str, *, prefix: str) -> str:
    """Where a candidate answers golden requests before production sees it."""
    return f"{name_endpoint(use_case, prefix=prefix)}-staging"


def name_variant(version: int | str) -> str:
    """A production variant is named after the model's version, so that every answer says which model gave it."""
    return f"v{version}"


def read_version(variant: str) -> int:
    """The model version that a variant's name says."""
    return int(variant.removeprefix("v"))
