"""The deployment's policies with real ARNs, and everybody who stands in the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infra.personas.account import Account

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


@pytest.fixture(scope="session")
def account(assembly: Assembly) -> Account:
    """The deployment, by its defaults."""
    return Account(assembly)
