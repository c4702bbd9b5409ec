"""What a model is asked for besides its answer, and how far to stretch its intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from noriba.records.stretching import Stretch
from noriba.usecase import HumilityPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping


_MOST = 1_000_000
"""Contributions; JSON knows numbers that are infinite to us."""


@dataclass(frozen=True)
class Wanted:
    """What else a model shall say.

    Attributes:
        explain: what each median is made of.
        humility: when to doubt an answer; None to doubt none.
        stretch: of intervals; None to tell them as they were trained.
        contributions: how many an explanation tells apart; as many as a person weighs when None. A container of before
            there was the choice tells that many.
    """

    explain: bool = False
    humility: HumilityPolicy | None = None
    stretch: Stretch | None = None
    contributions: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields of an invocation's document; none for what is not wanted."""
        explain: dict[str, Any] = {"explain": True} if self.explain else {}
        if self.explain and self.contributions is not None:
            explain["contributions"] = self.contributions
        said = {"humility": self.humility, "stretch": self.stretch}
        return {**explain, **{name: one.model_dump() for name, one in said.items() if one is not None}}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """What an invocation's document asks for.

        Raises:
            ValueError: in words that nobody here knows.
        """
        explain, humility = document.get("explain", False), document.get("humility")
        if not isinstance(explain, bool):
            # A string "false" would be true.
            raise ValueError("explain must be true or false")  # noqa: TRY004  # the body's fault, told like the others
        stretch = document.get("stretch")
        return cls(
            explain,
            None if humility is None else _read_policy(humility),
            # A ValidationError is a ValueError; what it may hold tomorrow is not read.
            None if stretch is None else Stretch.model_validate(stretch),
            _read_number(document.get("contributions")),
        )


def _read_number(said: object) -> int | None:
    if said is None:
        return None
    # JSON's numbers are read as float here. True would be 1.
    if isinstance(said, bool) or not isinstance(said, int | float) or not 1 <= said <= _MOST:
        raise ValueError(f"contributions must be a number from 1 to {_MOST}")
    return int(said)


def _read_policy(document: object) -> HumilityPolicy:
    """A policy as far as it is known here: whoever asks may be newer than the model's container."""
    if not isinstance(document, dict):
        raise ValueError("humility must be an object")  # noqa: TRY004  # the body's fault, told like the others
    known = {name: value for name, value in document.items() if name in HumilityPolicy.model_fields}
    # A ValidationError is a ValueError.
    return HumilityPolicy.model_validate(known)


NOTHING_MORE = Wanted()
