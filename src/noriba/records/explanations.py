"""What a model says of its own answer: what it is made of, and why it may not be relied on.

Numbers and names alone: the words are found by whoever answers the app, who knows the use case.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contribution(BaseModel):
    """What one column added to a median.

    Attributes:
        column: a feature's name without its hash, or an encoder's.
        value: of the column; an encoder's in the label's unit; None when not known.
        amount: in the label's unit; below 0 where the median is smaller for it.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    value: float | None
    amount: float


class Explanation(BaseModel):
    """What one median is made of: base + all amounts + rest, in the label's unit.

    Attributes:
        base: the model's answer when nothing is known of a row.
        contributions: the largest, in order.
        rest: of all other columns together.
    """

    model_config = ConfigDict(frozen=True)

    base: float
    contributions: tuple[Contribution, ...]
    rest: float

    @property
    def total(self) -> float:
        """The median that it explains."""
        return self.base + sum(one.amount for one in self.contributions) + self.rest


class Doubt(BaseModel):
    """Why one prediction may not be relied on.

    Attributes:
        kind: `below` or `above` the range that training saw; `unseen`, a value of a key that it never saw;
            `unseen_group`, the same of a combination of keys; `unknown`, where training always knew; `wide`, an
            interval wider than is usual. Another word is one of a model that knows more than whoever reads it.
        column: a feature's name, or an encoder's; empty for `wide`.
        value: what was found; of `wide`, the interval's width over the median.
        bound: what it is held against.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    column: str = ""
    value: float | None = None
    bound: float | None = None
