"""Names that templates give."""

from __future__ import annotations

KEPT_AS = "kept-as"
"""The tag that says under which setting of `[kept]` a resource is used again; `noriba doctor` reads it."""


def to_construct_id(name: str) -> str:
    """A name of words with underscores, as constructs are called: `taxi_eta` becomes `TaxiEta`."""
    return "".join(word.capitalize() for word in name.split("_"))


def name_key(prefix: str) -> str:
    """The alias of an account's key."""
    return f"alias/{prefix}"


def name_persona_policy(persona: str, *, prefix: str, region: str) -> str:
    """How a permission set of IAM Identity Center, or whoever attaches it to a role, finds a persona's policy.

    Names of policies are those of the account, not of the region: a second one would find them taken.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetcustom.html
    """
    return f"{prefix}-{persona}-{region}"
