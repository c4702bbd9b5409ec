"""A registered model of deliveries: its bundle as SageMaker keeps it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noriba.aws.registry import ModelPackage
from noriba.features.frozen import freeze_features
from noriba.records.artifacts import FEATURES_FILE
from noriba.records.experience import EXPERIENCE_FILE
from noriba.training.bundles import save_bundle
from noriba.training.experience import record_experience
from noriba.training.fitting import fit_model
from noriba.training.splits import split_by_time
from tests.unit.training.deliveries import FEATURES, USE_CASE, make_deliveries, settle

if TYPE_CHECKING:
    from noriba.training.models import Model


@dataclass(frozen=True)
class Trained:
    """A model, its bundle's digest, and its model.tar.gz."""

    model: Model
    digest: str
    artifact: bytes

    def register(self, version: int = 7, *, digest: str | None = None) -> ModelPackage:
        """Its package, of that digest where it is another."""
        return ModelPackage(
            arn=f"arn:x/{version}",
            group="noriba-deliveries",
            version=version,
            status="Approved",
            note="better at night, by arn:ada",
            created_at=datetime(2026, 7, 1, tzinfo=UTC),
            image_uri="image",
            model_data_uri=f"s3://models/v{version}/model.tar.gz",
            metadata={"bundle_digest": digest or self.digest, "snapshot_id": "s-1"},
        )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
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
    return Trained(model, digest, content.getvalue())
