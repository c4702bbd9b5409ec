"""Names that rollout gives and serving looks for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noriba.records.names import (
    CANARY_FORMAT,
    MODEL_FORMAT,
    SHADOW_FORMAT,
    STAGING_FORMAT,
    VARIANT_FORMAT,
    is_staging,
    name_endpoint,
    pick_made_by_rollouts,
    read_package_group,
    read_package_version,
    read_version,
    shorten_alarm_name,
)

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("noriba-serving-LatencyAlarmD7E92EA1-9F1AF44575AED", "noriba-serving-LatencyAlarm"),
        ("noriba-ingest-RuleAlarm0A1B2C3D-aB3dE6gH9jK2", "noriba-ingest-RuleAlarm"),
        ("noriba-taxi-eta-world-changed", "noriba-taxi-eta-world-changed"),
        ("noriba-taxi-eta-endpoint-latency", "noriba-taxi-eta-endpoint-latency"),
        ("decision-0a1b2c3d-0123456789ab", "decision-0a1b2c3d-0123456789ab"),
    ],
)
def test_an_alarm_that_cloudformation_named_is_shown_without_hashes(name: str, shown: str) -> None:
    assert shorten_alarm_name(name) == shown


@given(st.integers(1, 10**9))
def test_a_variant_says_which_model_answers(version: int) -> None:
    assert read_version(VARIANT_FORMAT.format(version)) == version
    assert SAGEMAKER_NAME.fullmatch(VARIANT_FORMAT.format(version))


def test_a_variant_of_another_kind_has_no_version() -> None:
    with pytest.raises(ValueError, match="AllTraffic"):
        read_version("AllTraffic")


@pytest.mark.parametrize("use_case", ["taxi_eta", "a1", "x" * 40, "_".join("abcdefghijklmnopqrst")])
def test_production_and_staging_stand_apart_under_names_that_sagemaker_takes(use_case: str) -> None:
    endpoint = name_endpoint(use_case, prefix="noriba")
    made = [
        STAGING_FORMAT.format(endpoint, "0a1b2c3d"),
        SHADOW_FORMAT.format(endpoint, "0a1b2c3d"),
        CANARY_FORMAT.format(endpoint, "0a1b2c3d"),
        MODEL_FORMAT.format(endpoint, VARIANT_FORMAT.format(12), "0a1b2c3d"),
    ]
    names = {endpoint, *made}

    assert len(names) == 5
    assert pick_made_by_rollouts(names, endpoint) == [name for name in names if name in made]
    assert all(SAGEMAKER_NAME.fullmatch(name) for name in names)
    assert [name for name in names if is_staging(name, prefix="noriba")] == made[:1]


def test_an_endpoint_is_named_after_its_use_case() -> None:
    assert name_endpoint("taxi_eta", prefix="noriba") == "noriba-taxi-eta"


def test_names_of_another_use_case_and_of_people_are_not_those_of_rollouts() -> None:
    others = [
        "noriba-taxi",
        "noriba-taxi-eta-v1-0a1b2c3d",
        "noriba-taxi-staging",
        "noriba-taxi-v1-0a1b2c3",
        "x-v1-0a1b2c3d",
    ]

    assert pick_made_by_rollouts(others, "noriba-taxi") == []


def test_the_arn_of_a_package_names_its_group_and_version() -> None:
    arn = "arn:aws:sagemaker:ap-northeast-1:123456789012:model-package/noriba-taxi-eta/12"

    assert (read_package_group(arn), read_package_version(arn)) == ("noriba-taxi-eta", 12)
