"""The use case's own golden requests are requests that its API takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from usecases.taxi_eta import USE_CASE
from usecases.taxi_eta.golden import GOLDEN_REQUESTS
from usecases.taxi_eta.schema import TaxiEtaRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize("body", GOLDEN_REQUESTS)
def test_a_golden_request_passes_through_the_whole_conversion(body: Mapping[str, object]) -> None:
    request = TaxiEtaRequest.model_validate(body)

    columns = USE_CASE.features.compute(USE_CASE.complete(request.to_columns()))

    assert {len(column) for column in columns.values()} == {len(request.candidate_ids())}


def test_golden_requests_ask_what_is_easily_got_wrong() -> None:
    requests = [TaxiEtaRequest.model_validate(body) for body in GOLDEN_REQUESTS]

    assert any(request.candidates for request in requests)
    assert any(request.origin == request.destination for request in requests)
    assert any(request.origin and request.origin.zone_id is None for request in requests)
