"""What the API says of its own state."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelHealth(BaseModel):
    """How a use case's endpoint is."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    use_case: str
    status: str = Field(
        description="the endpoint's own, of half a minute ago at most, or of five when SageMaker does not answer; "
        "or NoModel, or Unknown"
    )
    model_version: int | None = Field(description="version in the model registry; null where no model is known")


class Health(BaseModel):
    """The API answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["ok"]
    use_cases: tuple[ModelHealth, ...]
