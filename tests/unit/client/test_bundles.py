"""A registered model, asked again on another machine."""

from __future__ import annotations

import io
import sys
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.aws.registry import ModelPackage
from noriba.client.bundles import Bundle, ForeignBundleError, NoLightGbmError
from noriba.features.frozen import freeze_features
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact
from noriba.records.experience import EXPERIENCE_FILE
from noriba.training.bundles import save_bundle
from noriba.training.experience import record_experience
from noriba.training.models import fit_model
from noriba.training.splits import split_by_time
from noriba.usecase import HumilityPolicy
from tests.unit.training.deliveries import FEATURES, USE_CASE, make_deliveries, settle

if TYPE_CHECKING:
    from noriba.training.models import Model

    Trained = tuple[Model, str, ModelArtifact]

ROWS = (
    {"length_m": 900.0, "start_area": 3.0, "clock_hour": 8.0},
    {"length_m": None, "start_area": 99.0, "clock_hour": 8.0},
)
ASKED = [{f"{feature.identity}": row[feature.name] for feature in FEATURES.features} for row in ROWS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model, its bundle's digest, and the artifact that SageMaker makes of it."""
    columns = make_deliveries(1_500)
    split = split_by_time(columns["sent_at_s"], calibration_share=0.2, holdout_share=0.2)
    model = fit_model(USE_CASE, settle(trees=5), columns, fit=split.fit, calibration=split.calibration)
    extras = {
        FEATURES_FILE: freeze_features(FEATURES).encode(),
        EXPERIENCE_FILE: record_experience(model, columns, split).model_dump_json().encode(),
    }
    folder = tmp_path_factory.mktemp("bundle")
    digest = save_bundle(model, folder, extras=extras)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return model, digest, ModelArtifact(content.getvalue())


def open_bundle(trained: Trained, *, registered: str | None = None) -> Bundle:
    """The bundle of a package that was registered with this digest."""
    _model, digest, artifact = trained
    package = ModelPackage(
        arn="arn:x/7",
        group="deliveries",
        version=7,
        status="Approved",
        created_at=datetime(2026, 7, 1, tzinfo=UTC),
        image_uri="image",
        model_data_uri="s3://models/model.tar.gz",
        metadata={"bundle_digest": registered or digest},
    )
    return Bundle(artifact, package)


def test_a_model_asked_again_answers_what_it_answered_and_says_why(trained: Trained) -> None:
    model, bundle = trained[0], open_bundle(trained)

    found = bundle.reason(ASKED, humility=HumilityPolicy(), most=99)

    columns = {name: np.array([np.nan if row[name] is None else row[name] for row in ROWS]) for name in ROWS[0]}
    assert found.values == tuple(model.load().predict_features(columns).value)
    for explanation, value in zip(found.explanations, found.values, strict=True):
        assert explanation.total == pytest.approx(value, abs=1e-6)
        assert explanation.rest == 0
    assert {(one.kind, one.column) for one in found.doubts[1]} >= {("unseen", "start_area"), ("unknown", "length_m")}
    assert bundle.features.identities == FEATURES.identities


def test_without_a_policy_nothing_is_doubted(trained: Trained) -> None:
    assert open_bundle(trained).reason(ASKED, humility=None, most=1).doubts == ()


def test_another_model_than_was_registered_is_not_asked(trained: Trained) -> None:
    with pytest.raises(ForeignBundleError, match=r"s3://models/model.tar.gz holds bundle .* registered with abc"):
        open_bundle(trained, registered="abc").reason(ASKED, humility=None, most=1)


def test_without_lightgbm_the_remedy_is_told(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a machine where it is not installed.
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    for name in [name for name in sys.modules if name.startswith("noriba.training.")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(NoLightGbmError, match=r"lightgbm is not installed here; pip install 'noriba\[model\]'"):
        open_bundle(trained).reason(ASKED, humility=None, most=1)
