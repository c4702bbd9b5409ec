"""A model in production, asked again what it was asked: who asks, and what is in the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from noriba.aws.endpoints import (
    Endpoint,
    EndpointReply,
    ImplausibleAnswerError,
    ModelFailedError,
    ModelRefusedError,
    NoModelError,
)
from noriba.aws.reasons import LiveReasoner, Reasons, UnexplainedError
from noriba.aws.registry import ModelPackage
from noriba.records.artifacts import ModelArtifact
from noriba.records.explanations import Contribution, Doubt, Explanation
from noriba.records.inference import ModelAnswer, decode_invocation
from noriba.usecase import MOST_EXPLAINED, HumilityPolicy

ROW: dict[str, float | None] = {"length_m@1": 900.0, "clock_hour@2": None}
EXPLAINED = Explanation(base=80.0, contributions=(Contribution(column="length_m", value=900.0, amount=20.0),), rest=0.0)
ANSWER = ModelAnswer((90.0,), (100.0,), (110.0,), 0.8, "d1", (EXPLAINED,), ((Doubt(kind="wide"),),))
ARTIFACT = ModelArtifact(b"")
PACKAGE = ModelPackage(
    arn="arn:x/7",
    group="noriba-deliveries",
    version=7,
    status="Approved",
    created_at=datetime(2026, 7, 1, tzinfo=UTC),
    image_uri="image",
    model_data_uri="s3://models/v7/model.tar.gz",
    metadata={"bundle_digest": "d1"},
)


@dataclass
class FakeEndpoint:
    """Answers, or fails, and remembers what it was asked."""

    answer: ModelAnswer | Exception
    asked: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)

    def ask(self, body: bytes, **how: Any) -> EndpointReply:
        self.asked.append((body, how))
        if isinstance(self.answer, Exception):
            raise self.answer
        return EndpointReply(self.answer, 7)


def reason(endpoint: FakeEndpoint, *, rows: int = 1, package: ModelPackage = PACKAGE) -> Reasons:
    reasoner = LiveReasoner(cast("Endpoint", endpoint), HumilityPolicy())
    return reasoner.reason(package, ARTIFACT, [ROW] * rows)


def test_the_version_is_asked_what_it_was_asked_and_all_that_it_knows() -> None:
    endpoint = FakeEndpoint(ANSWER)

    assert reason(endpoint) == Reasons((100.0,), (EXPLAINED,), ((Doubt(kind="wide"),),))

    [(body, how)] = endpoint.asked
    # Without an id, what is captured of the question counts for nothing.
    assert how == {"inference_id": None, "variant": "v7"}
    asked = decode_invocation(body)
    assert {name: column.tolist() for name, column in asked.columns.items()} == {
        "length_m@1": [900.0],
        "clock_hour@2": [pytest.approx(float("nan"), nan_ok=True)],
    }
    assert asked.wanted.explain
    assert asked.wanted.contributions is not None
    assert asked.wanted.contributions > 1000
    assert asked.wanted.humility == HumilityPolicy()


def test_when_time_is_up_the_model_is_not_asked() -> None:
    endpoint = FakeEndpoint(ANSWER)
    reasoner = LiveReasoner(cast("Endpoint", endpoint), None, until_s=time.monotonic() - 1)

    with pytest.raises(UnexplainedError, match="no time was left"):
        reasoner.reason(PACKAGE, ARTIFACT, [ROW])

    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NoModelError("Variant v7 not found"), "version 7 answers no requests in production now; `noriba why`"),
        (ModelFailedError("500"), "did not answer; ask again in a moment"),
        (ModelRefusedError("feature x is missing"), "does not take what was captured: feature x is missing"),
        (ImplausibleAnswerError("no answer"), "does not take what was captured"),
        (replace(ANSWER, bundle_digest="d2"), "not the bundle that was registered"),
        (replace(ANSWER, explanations=()), "of before there were explanations"),
    ],
)
def test_what_is_in_the_way_is_told(answer: ModelAnswer | Exception, why: str) -> None:
    with pytest.raises(UnexplainedError, match=why):
        reason(FakeEndpoint(answer))


def test_production_is_not_held_up_by_many_candidates() -> None:
    endpoint = FakeEndpoint(ANSWER)

    with pytest.raises(UnexplainedError, match=r"21 candidates are more than .* \(20\); name one"):
        reason(endpoint, rows=MOST_EXPLAINED + 1)
    assert endpoint.asked == []


def test_a_package_of_before_digests_were_registered_is_asked() -> None:
    assert reason(FakeEndpoint(ANSWER), package=PACKAGE.model_copy(update={"metadata": {}})).values == (100.0,)
