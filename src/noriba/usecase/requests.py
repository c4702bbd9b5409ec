"""What an app sends."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column


MOST_EXPLAINED = 20
"""Candidates of a request that wants them explained: each takes the model some ten milliseconds."""


class PredictionRequest(BaseModel):
    """Base of a use case's request: what an app sends, strictly.

    Attributes:
        subject: who asks, by a string that means something to the app alone. While two models are in production, a
            subject meets the same one; it is neither kept nor logged.
        explain: whether each prediction shall say what it is made of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        repr=False,
        description="who asks, as an opaque string; the same one meets the same model while two are compared; not kept",
    )
    explain: bool = Field(
        default=False,
        strict=True,
        description=f"whether to say what each prediction is made of; of {MOST_EXPLAINED} candidates at most",
    )

    @abstractmethod
    def to_columns(self) -> dict[str, Column]:
        """The request as input columns, one row a candidate."""

    @abstractmethod
    def candidate_ids(self) -> Sequence[str | None]:
        """The app's own name of each candidate, in row order; None where it gave none."""
