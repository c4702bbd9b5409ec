"""The personas: where each works, and which of them nobody may be at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from infra.topology.parts import OF_THE_LOOP

Persona: TypeAlias = Literal[
    "data-engineer",
    "data-scientist",
    "ml-engineer",
    "approver",
    "operator",
    "business-stakeholder",
    "auditor",
    "administrator",
]


@dataclass(frozen=True)
class Role:
    """What a persona does, the parts of the loop that it needs, and how long a session of it lasts."""

    does: str
    parts: tuple[str, ...]
    session_hours: int


PERSONAS: dict[Persona, Role] = {
    "data-engineer": Role("lands, repairs and versions data", ("data", "observations", "registry"), 8),
    "data-scientist": Role("explores snapshots, trains and compares", ("data", "training", "registry"), 8),
    "ml-engineer": Role(
        "owns pipelines and containers", ("data", "training", "registry", "staging", "rollout", "monitoring"), 8
    ),
    "approver": Role("approves or rejects candidates", ("registry", "data", "rollout"), 1),
    "operator": Role(
        "watches production and goes back to an earlier model",
        ("serving", "rollout", "monitoring", "operators", "data", "registry"),
        8,
    ),
    "business-stakeholder": Role("asks tables of predictions and outcomes", ("observations", "monitoring"), 8),
    "auditor": Role("reads who did what", OF_THE_LOOP, 4),
    "administrator": Role("deploys the platform", OF_THE_LOOP, 1),
}

_TRAINS = "who trains a model must not approve it"
_SERVES = "who serves production must neither train nor approve"
_OWNS = "who deploys the platform and hands out access must not use it"
CONFLICTS: dict[frozenset[Persona], str] = {
    frozenset({"data-scientist", "approver"}): _TRAINS,
    frozenset({"ml-engineer", "approver"}): _TRAINS,
    frozenset({"data-engineer", "approver"}): "who makes the evidence must not judge by it",
    frozenset({"operator", "data-scientist"}): _SERVES,
    frozenset({"operator", "approver"}): _SERVES,
    frozenset({"auditor", "approver"}): "who approves must not audit approvals",
    **{frozenset({"administrator", persona}): _OWNS for persona in PERSONAS if persona != "administrator"},
}
"""Pairs that no group may hold both of, each with the reason."""
