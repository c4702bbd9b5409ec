"""Names that templates give."""

from __future__ import annotations


def to_construct_id(name: str) -> str:
    """A name of words with underscores, as constructs are called: `taxi_eta` becomes `TaxiEta`."""
    return "".join(word.capitalize() for word in name.split("_"))
