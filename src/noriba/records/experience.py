"""experience.json: what training saw, so that a model can tell when it is asked about something else."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

EXPERIENCE_FILE = "experience.json"


class SeenColumn(BaseModel):
    """One feature, in the rows that the trees were grown on.

    Attributes:
        low: the smallest value; None where none was known, and of a key of encoders, which know its values: they are
            names, whatever the numbers.
        high: the largest.
        unknown: rows in which it was not known.
    """

    model_config = ConfigDict(frozen=True)

    low: float | None
    high: float | None
    unknown: int


class Experience(BaseModel):
    """What a model has seen.

    Attributes:
        columns: features by name.
        widths: of intervals over their medians, on rows that the trees were not grown on; quantiles at even steps
            from 0 to 1, ascending.
    """

    model_config = ConfigDict(frozen=True)

    columns: dict[str, SeenColumn]
    widths: tuple[float, ...]
