"""Who may do what, asked of the policies themselves and held against a table; `pytest -s` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.people.personas import PERSONAS
from tests.infra.personas.actions import describe_actions
from tests.infra.personas.commands import COMMANDS, NEEDS, list_needed
from tests.infra.personas.matrix import read_matrix
from tests.infra.personas.simulator import decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.personas.account import Account, Principal

MATRIX = read_matrix()


@pytest.fixture(scope="module")
def principals(account: Account) -> Mapping[str, Principal]:
    """Everybody in the columns."""
    people = {persona: account.person(persona) for persona in PERSONAS}
    return {**people, **account.roles, "app": account.stranger("app")}


def test_everybody_may_do_what_the_table_says_and_nothing_else(
    account: Account, principals: Mapping[str, Principal]
) -> None:
    actions = describe_actions(account)
    assert actions.keys() == MATRIX.rows.keys()
    cells = [(action, column) for action in MATRIX.rows for column in MATRIX.columns]
    asked = [(principals[column], request) for action, column in cells for request in actions[action]]

    answers = iter(decide(account, asked))

    faults = []
    for action, column in cells:
        expected = MATRIX.rows[action][MATRIX.columns.index(column)]
        found = [next(answers) for _ in actions[action]]
        # What is allowed is allowed whole; what is refused must not hang on what merely belongs to it.
        if not (all(found) if expected else not found[0]):
            said = [f"{request.action} on {request.resource}" for request in actions[action]]
            faults.append(f"{column}: {action}: expected {expected}; {dict(zip(said, found, strict=True))}")
    print(f"\n{MATRIX.text}")  # noqa: T201  # whoever asks for it sees what was shown
    assert not faults, "\n".join(faults)


def test_every_persona_has_a_column() -> None:
    assert list(PERSONAS) == list(MATRIX.columns)[: len(PERSONAS)]
    assert COMMANDS.keys() == PERSONAS.keys()


@pytest.mark.parametrize("persona", PERSONAS)
def test_what_a_persona_may_is_what_its_commands_need(persona: str) -> None:
    assert MATRIX.allowed(persona) == list_needed(persona)


def test_commands_need_what_there_is_and_somebody_types_each() -> None:
    assert {action for needed in NEEDS.values() for action in needed} <= MATRIX.rows.keys()
    assert {command for typed in COMMANDS.values() for command in typed} == NEEDS.keys()
