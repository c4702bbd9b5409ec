"""What an app sends."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noriba.features import Column


MOST_EXPLAINED = 20
"""Candidates of a request that wants them explained: each takes the model some ten milliseconds."""

# What moves a terminal's cursor, or ends a line somewhere: U+2028 does for Python, and not for JSON.
_CONTROL = r"[\u0000-\u001f\u007f-\u009f\u2028\u2029]"


def _check_control(name: str) -> str:
    # Nothing of it is printable, and most names are wholly so.
    if not name.isprintable() and re.search(_CONTROL, name):
        raise ValueError("holds a control character or a line break; send printable characters")
    return name


CandidateId = Annotated[
    str,
    Field(min_length=1, max_length=64, json_schema_extra={"not": {"pattern": _CONTROL}}),
    AfterValidator(_check_control),
]
"""The type of an app's own name of a candidate: what people will read in tables and terminals."""


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
