"""The use case whose API is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from noriba.usecase import UseCase


@pytest.fixture(scope="session")
def use_case() -> UseCase:
    return load_use_case("taxi_eta")
