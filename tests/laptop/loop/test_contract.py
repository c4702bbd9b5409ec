"""The API held against its own description: whatever that allows is answered as it says, whatever it does not, refused.

Requests are made up from the OpenAPI document; the same ones in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from noriba.usecase import MOST_EXPLAINED

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from tests.laptop.loop.conftest import Loop


@pytest.fixture(scope="module")
def described(loop: Loop, champion: ModelPackage) -> Any:
    """The API with a model in production, as it describes itself."""
    assert champion
    url = loop.session.deployment.api_url
    found = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
    found.config.update(base_url=url)
    return found


PREDICTIONS, OUTCOMES = "POST /v1/taxi_eta/predictions", "POST /v1/taxi_eta/outcomes"
FIRST, PAST, LAST = "2000-01-02T00:00:00Z", "2026-07-01T00:00:00Z", "2099-12-30T00:00:00Z"
# Nothing can be wrong with a request that has neither parameters nor a body.
QUESTIONS = [
    *((route, mode) for route in (PREDICTIONS, OUTCOMES) for mode in GenerationMode),
    *((route, GenerationMode.POSITIVE) for route in ("GET /v1/health", "GET /v1/openapi.json")),
]


@pytest.mark.parametrize(("route", "mode"), QUESTIONS, ids=lambda value: getattr(value, "value", value))
def test_what_the_api_says_of_itself_is_so(described: Any, loop: Loop, route: str, mode: GenerationMode) -> None:
    verb, path = route.split()

    @given(case=described[path][verb].as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.body = keep_what_no_schema_can_say(route, case.body)
        case.call_and_validate(headers={"x-api-key": loop.api.key})

    ask()


def keep_what_no_schema_can_say(route: str, body: Any) -> Any:
    """A body that also keeps the rules which the description tells in words.

    The ends of a ride are near each other, no two candidates have one name, few are explained at once, an outcome has
    come, and it is the year in UTC that counts.
    """
    if route == PREDICTIONS:
        body = {**body, "pickup_at": min(max(body["pickup_at"], FIRST), LAST)}
        near = {"origin": body["destination"]}
        if len(body.get("candidates") or ()) > MOST_EXPLAINED:
            body["explain"] = False
        if body.get("candidates"):
            return {**body, "candidates": [{"candidate_id": f"{n}", **near} for n in range(len(body["candidates"]))]}
        return {**body, **near}
    if route == OUTCOMES:
        return {**body, "observed_at": min(max(body["observed_at"], FIRST), PAST)}
    return body
