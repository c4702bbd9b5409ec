"""How far intervals are stretched between two trainings, and for whom."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from noriba.timestamps import UtcTimestamp


class Stretch(BaseModel):
    """By how much one model's intervals are to be wider, or narrower, than it was trained to tell them.

    Attributes:
        factor: of the distance between each end and the median, in log(label); 1 changes nothing.
        bundle_digest: the model that was found to need it. Whoever else is asked with these words, a challenger in the
            shadow or one that has just taken over, leaves its own intervals alone.
    """

    model_config = ConfigDict(frozen=True)

    factor: FiniteFloat = Field(gt=0)
    bundle_digest: str


class Stretching(BaseModel):
    """What is kept from look to look.

    Attributes:
        version: of the model in production.
        bundle_digest: of its bundle.
        log_stretch: the natural logarithm of the factor.
        through: the beginning of the last hour that was counted.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    bundle_digest: str
    log_stretch: FiniteFloat = 0.0
    through: UtcTimestamp

    @property
    def stretch(self) -> Stretch:
        """For whoever asks the model."""
        return Stretch(factor=math.exp(self.log_stretch), bundle_digest=self.bundle_digest)
