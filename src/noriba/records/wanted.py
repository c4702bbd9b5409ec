"""What a model is asked for besides its answer, and how far to stretch its intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from noriba.records.stretching import Stretch
from noriba.usecase import HumilityPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Wanted:
    """What else a model shall say.

    Attributes:
        explain: what each median is made of.
        humility: when to doubt an answer; None to doubt none.
        stretch: of intervals; None to tell them as they were trained.
    """

    explain: bool = False
    humility: HumilityPolicy | None = None
    stretch: Stretch | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields of an invocation's document; none for what is not wanted."""
        explain = {"explain": True} if self.explain else {}
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
        )


def _read_policy(document: object) -> HumilityPolicy:
    """A policy as far as it is known here: whoever asks may be newer than the model's container."""
    if not isinstance(document, dict):
        raise ValueError("humility must be an object")  # noqa: TRY004  # the body's fault, told like the others
    known = {name: value for name, value in document.items() if name in HumilityPolicy.model_fields}
    # A ValidationError is a ValueError.
    return HumilityPolicy.model_validate(known)


NOTHING_MORE = Wanted()
