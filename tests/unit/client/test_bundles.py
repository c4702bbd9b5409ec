"""A registered model, asked again on another machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.client.bundles import Bundle, ForeignBundleError, NoLightGbmError
from noriba.records.artifacts import ModelArtifact
from noriba.usecase import HumilityPolicy
from tests.unit.training.deliveries import FEATURES

if TYPE_CHECKING:
    from tests.unit.client.conftest import Trained

ROWS = (
    {"length_m": 900.0, "start_area": 3.0, "clock_hour": 8.0},
    {"length_m": None, "start_area": 99.0, "clock_hour": 8.0},
)
ASKED = [{f"{feature.identity}": row[feature.name] for feature in FEATURES.features} for row in ROWS]


def open_bundle(trained: Trained, *, registered: str | None = None) -> Bundle:
    """The bundle of a package that was registered with this digest."""
    return Bundle(ModelArtifact(trained.artifact), trained.register(digest=registered))


def test_a_model_asked_again_answers_what_it_answered_and_says_why(trained: Trained) -> None:
    model, bundle = trained.model, open_bundle(trained)

    found = bundle.reason(ASKED, humility=HumilityPolicy(), most=99)

    columns = {name: np.array([np.nan if row[name] is None else row[name] for row in ROWS]) for name in ROWS[0]}
    assert found.values == tuple(model.load().predict_features(columns).value)
    for explanation, value in zip(found.explanations, found.values, strict=True):
        assert explanation.total == pytest.approx(value, abs=1e-6)
        assert explanation.rest == 0
    assert {(one.kind, one.column) for one in found.doubts[1]} >= {("unseen", "start_area"), ("unknown", "length_m")}


def test_without_a_policy_nothing_is_doubted(trained: Trained) -> None:
    assert open_bundle(trained).reason(ASKED, humility=None, most=1).doubts == ()


def test_another_model_than_was_registered_is_not_asked(trained: Trained) -> None:
    with pytest.raises(ForeignBundleError, match=r"s3://models/v7/model.tar.gz holds bundle .* registered with abc"):
        open_bundle(trained, registered="abc").reason(ASKED, humility=None, most=1)


def test_without_lightgbm_the_remedy_is_told(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a machine where it is not installed.
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    for name in [name for name in sys.modules if name.startswith("noriba.training.")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(NoLightGbmError, match=r"lightgbm is not installed here; pip install 'noriba\[model\]'"):
        open_bundle(trained).reason(ASKED, humility=None, most=1)
