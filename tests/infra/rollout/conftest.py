"""The machine ROLLOUT, as it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("RolloutMachine")


@pytest.fixture
def known_attempt(definition: dict[str, Any]) -> dict[str, Any]:
    """The machine with an attempt whose name a test can foresee; production answers with the model's own name."""
    name = definition["States"]["Name"]
    parameters = {key: value for key, value in name["Parameters"].items() if key != "attempt.$"}
    named = {**name, "Parameters": {**parameters, "attempt": "a1b2c3"}}
    return {**definition, "States": {**definition["States"], "Name": named}}
