"""In which form models are asked: packed, unless a container says that it cannot read that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from noriba.aws.endpoints import EndpointReply, ModelRefusedError
from noriba.aws.live_models import FeatureArchive, LiveModels
from noriba.records.inference import ModelAnswer
from noriba.records.packed import is_packed, read_invocation
from noriba.usecase import load_use_case

USE_CASE = load_use_case("taxi_eta")
REPLY = EndpointReply(ModelAnswer((1.0,), (2.0,), (3.0,), 0.8, "digest"), 3)


@dataclass
class Container:
    """Reads the forms that it knows, and refuses the others in words of before there were packed tables."""

    reads_packed: bool
    reads_json: bool = True
    name: str = "noriba-taxi-eta"
    asked: list[bool] = field(default_factory=list)

    def ask(self, body: bytes, *, inference_id: str | None, variant: str | None = None) -> EndpointReply:
        del inference_id, variant
        self.asked.append(is_packed(body))
        if not (self.reads_packed if is_packed(body) else self.reads_json):
            raise ModelRefusedError("Expecting value: line 1 column 1 (char 0)")
        assert read_invocation(body).columns.keys() == set(USE_CASE.features.identities)
        return REPLY


def ask(container: Container, *, times: int) -> None:
    request = USE_CASE.request.model_validate(USE_CASE.golden_requests[0])
    models = LiveModels(container, cast("FeatureArchive", None), warn=lambda _why: None)
    for _ in range(times):
        assert models.ask(USE_CASE, request, inference_id="p") == REPLY


def test_a_container_is_asked_by_packed_tables() -> None:
    container = Container(reads_packed=True)
    ask(container, times=2)

    assert container.asked == [True, True]


def test_a_container_of_before_there_were_any_is_asked_in_json_from_then_on() -> None:
    container = Container(reads_packed=False)
    ask(container, times=3)

    assert container.asked == [True, False, False, False]


def test_what_is_refused_in_either_form_is_refused() -> None:
    container = Container(reads_packed=False, reads_json=False)
    with pytest.raises(ModelRefusedError, match="Expecting value"):
        ask(container, times=1)

    assert container.asked == [True, False]
