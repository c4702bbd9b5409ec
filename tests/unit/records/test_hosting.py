"""Variants are chosen as often as their weights say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noriba.records.hosting import HostedConfiguration, HostedEndpoint, HostedModel, HostedVariant, NamedVariant

MODEL = HostedModel(package_arn="arn", model_data_uri="s3://models/a", sha256="0")
DRAWS = 1_000


def make_endpoint(*weights: float) -> HostedEndpoint:
    variants = tuple(
        HostedVariant(name=f"v{number}", model_name="m", weight=weight, model=MODEL)
        for number, weight in enumerate(weights)
    )
    return HostedEndpoint(config="c", variants=variants, changed_at=datetime.now(UTC))


@given(st.lists(st.just(0.0) | st.floats(1e-3, 1e6), min_size=1, max_size=4).filter(any))
def test_each_variant_is_chosen_as_often_as_its_weight_says(weights: list[float]) -> None:
    endpoint = make_endpoint(*weights)

    chosen = [endpoint.choose(number / DRAWS).name for number in range(DRAWS)]

    for number, weight in enumerate(weights):
        assert abs(chosen.count(f"v{number}") - DRAWS * weight / sum(weights)) <= 1


def test_where_nobody_has_any_weight_the_champion_answers() -> None:
    assert make_endpoint(0, 0).choose(0.7).name == "v0"


@given(st.floats(0, 1, exclude_max=True))
def test_who_has_none_is_never_chosen(draw: float) -> None:
    assert make_endpoint(0, 3, 0).choose(draw).name == "v1"


def test_a_shadow_stands_beside_one_variant_at_most() -> None:
    two = tuple(NamedVariant(name=name, model_name="m") for name in ("v1", "v2"))

    with pytest.raises(ValidationError, match="at most 1"):
        HostedConfiguration(variants=two[:1], shadows=two)
