"""A model as sealed files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.errors import CorruptBundleError
from noriba.records.artifacts import GoldenRecord
from noriba.records.inference import ModelAnswer
from noriba.rollout.golden import find_differences
from noriba.training.bundles import GOLDEN_ROWS, load_bundle, save_bundle, write_golden
from noriba.training.fitting import fit_model
from tests.unit.training.deliveries import FEATURES, INPUTS, USE_CASE, make_deliveries, settle

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit

FILES = ("model.json", "encoders.npz", "quantile_0.txt", "quantile_1.txt", "quantile_2.txt", "code.zip")


@pytest.fixture
def bundle(model: Model, tmp_path: Path) -> Path:
    save_bundle(model, tmp_path, extras={"code.zip": b"PK"})
    return tmp_path


def reseal(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.name != "seal.json")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "seal.json").write_text(json.dumps(digests))


def test_a_bundle_gives_back_the_very_same_model(model: Model, bundle: Path, deliveries: dict[str, Column]) -> None:
    loaded, _digest = load_bundle(bundle)

    expected = model.load().predict_features(deliveries)
    found = loaded.load().predict_features(deliveries)
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values, strict=True)
    assert (loaded.use_case, loaded.feature_identities) == (model.use_case, model.feature_identities)
    assert (loaded.quantiles, loaded.shift) == (model.quantiles, model.shift)
    assert loaded.encoders.specs == model.encoders.specs


def test_a_bundle_without_encoders_is_a_bundle_too(
    deliveries: dict[str, Column], split: TimeSplit, model: Model, tmp_path: Path
) -> None:
    bare = fit_model(
        replace(USE_CASE, model=replace(USE_CASE.model, encoders=())),
        settle(trees=2),
        deliveries,
        fit=split.fit,
        calibration=split.calibration,
    )
    save_bundle(bare, tmp_path, extras={})

    loaded, _digest = load_bundle(tmp_path)

    assert loaded.encoders.names == ()
    np.testing.assert_array_equal(
        loaded.load().predict_features(deliveries).value, bare.load().predict_features(deliveries).value
    )
    assert loaded.boosters != model.boosters


def test_the_same_model_makes_the_same_bytes_and_the_digest_names_them(
    model: Model, deliveries: dict[str, Column], split: TimeSplit, tmp_path: Path
) -> None:
    again = fit_model(USE_CASE, settle(), deliveries, fit=split.fit, calibration=split.calibration)
    digests = []
    for name, one in {"first": model, "second": again}.items():
        (tmp_path / name).mkdir()
        digests.append(save_bundle(one, tmp_path / name, extras={"code.zip": b"PK"}))

    assert digests[0] == digests[1] == load_bundle(tmp_path / "first")[1]
    for name in (*FILES, "seal.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_other_code_makes_another_bundle(model: Model, tmp_path: Path) -> None:
    digests = set()
    for code in (b"one", b"two"):
        (tmp_path / code.decode()).mkdir()
        digests.add(save_bundle(model, tmp_path / code.decode(), extras={"code.zip": code}))

    assert len(digests) == 2


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_breaks_the_seal_and_is_named(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)

    with pytest.raises(CorruptBundleError, match=rf"seal is broken by {name};"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_removed_file_breaks_the_seal_and_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()

    with pytest.raises(CorruptBundleError, match=rf"seal is broken by {name};"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["extra.txt", "quantile_3.txt", "code/inference.py"])
def test_an_added_file_breaks_the_seal_and_is_named(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("not of this model")

    with pytest.raises(CorruptBundleError, match=rf"seal is broken by {name};"):
        load_bundle(bundle)


def test_all_that_breaks_the_seal_is_named(bundle: Path) -> None:
    (bundle / "code.zip").unlink()
    (bundle / "model.json").write_text("{}")

    with pytest.raises(CorruptBundleError, match=r"broken by code\.zip, model\.json; train or download it again"):
        load_bundle(bundle)


def test_a_folder_without_a_seal_holds_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(CorruptBundleError, match=r"holds no bundle: seal\.json is missing"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("seal", [b"", b"{", b"[]", b'{"model.json": 7}', b"\xff\xfe"])
def test_a_seal_that_cannot_be_read_is_a_broken_one(bundle: Path, seal: bytes) -> None:
    (bundle / "seal.json").write_bytes(seal)

    with pytest.raises(CorruptBundleError, match=r"seal\.json cannot be read"):
        load_bundle(bundle)


def test_a_bundle_of_another_format_says_so_even_when_its_fields_are_others(bundle: Path) -> None:
    (bundle / "model.json").write_text(json.dumps({"format": 2, "what": "nobody knows yet"}))
    reseal(bundle)

    with pytest.raises(CorruptBundleError, match="bundle format 2 is not 1; use the container it came with"):
        load_bundle(bundle)


def test_golden_rows_are_answered_alike_by_the_bundle(
    bundle: Path, model: Model, deliveries: dict[str, Column]
) -> None:
    record = GoldenRecord.model_validate_json(write_golden(USE_CASE, model, deliveries))
    loaded, digest = load_bundle(bundle)

    # As serving does it: from inputs to features to the model.
    answers = loaded.load().predict_features(FEATURES.compute(record.columns()))

    low, value, high = (tuple(column.tolist()) for column in (answers.low, answers.value, answers.high))
    served = ModelAnswer(low, value, high, loaded.claimed_coverage, digest)
    assert list(find_differences(served, record)) == []
    assert tuple(record.inputs) == INPUTS
    assert len(served.value) == GOLDEN_ROWS


def test_golden_rows_spread_over_the_hold_out_and_tell_unknown_values_as_null(model: Model) -> None:
    holdout = make_deliveries(1_000, seed=4)
    holdout["area"][0] = np.nan
    holdout |= FEATURES.compute(holdout)

    record = json.loads(write_golden(USE_CASE, model, holdout))

    assert record["inputs"]["area"][0] is None
    assert record["inputs"]["sent_at_s"][0] == holdout["sent_at_s"][0]
    assert record["inputs"]["sent_at_s"][-1] == holdout["sent_at_s"][-1]
    assert record["inputs"]["sent_at_s"] == sorted(record["inputs"]["sent_at_s"])


def test_a_short_hold_out_has_fewer_golden_rows(model: Model) -> None:
    record = GoldenRecord.model_validate_json(write_golden(USE_CASE, model, make_deliveries(3)))

    assert len(record.answers["value"]) == 3
