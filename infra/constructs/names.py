"""Names that templates give."""

from __future__ import annotations

KEPT_AS = "kept-as"
"""The tag that says under which setting of `[kept]` a resource is used again; `noriba doctor` reads it."""


def to_construct_id(name: str) -> str:
    """A name of words with underscores, as constructs are called: `taxi_eta` becomes `TaxiEta`."""
    return "".join(word.capitalize() for word in name.split("_"))
