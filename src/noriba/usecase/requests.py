"""What an app sends."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column


class PredictionRequest(BaseModel):
    """Base of a use case's request: what an app sends, strictly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def to_columns(self) -> dict[str, Column]:
        """The request as input columns, one row a candidate."""

    @abstractmethod
    def candidate_ids(self) -> Sequence[str | None]:
        """The app's own name of each candidate, in row order; None where it gave none."""
