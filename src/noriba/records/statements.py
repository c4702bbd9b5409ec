"""SQL and the values that go into it, apart from each other until the engine puts them together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One query.

    Attributes:
        text: SQL that holds a `?` for each value; Athena takes them in WHERE clauses alone.
            https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
        values: in the order of their `?`.
    """

    text: str
    values: tuple[str | int, ...]


def write_number(number: float) -> str:
    """A double, and no decimal: Trino tells them apart by the exponent."""
    text = repr(float(number))
    return text if "e" in text else f"{text}e0"


def write_text(text: str) -> str:
    """Text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
