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
