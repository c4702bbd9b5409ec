"""A function's environment, read once and checked."""

from __future__ import annotations

import os
from typing import Self

from pydantic import BaseModel, ConfigDict


class Environment(BaseModel):
    """Base of a function's settings: field `raw_bucket` is the variable RAW_BUCKET."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper)

    @classmethod
    def read(cls) -> Self:
        """The settings.

        Raises:
            pydantic.ValidationError: a variable is missing; the message names it.
        """
        return cls.model_validate(dict(os.environ))
