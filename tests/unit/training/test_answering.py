"""A model asked by the bytes of an invocation: whoever serves it gives the same bytes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.errors import CorruptBundleError
from noriba.features.columns import take_rows
from noriba.records.experience import EXPERIENCE_FILE
from noriba.records.inference import decode_answer, decode_refusal, encode_columns
from noriba.records.stretching import Stretch
from noriba.records.wanted import Wanted
from noriba.training.answering import Answerer
from noriba.training.bundles import save_bundle
from noriba.training.experience import record_experience
from noriba.usecase import HumilityPolicy
from tests.unit.training.deliveries import FEATURES

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.features import Column
    from noriba.training.models import Model
    from noriba.training.splits import TimeSplit


@pytest.fixture(scope="module")
def bundle(
    model: Model, deliveries: dict[str, Column], split: TimeSplit, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    experience = record_experience(model, deliveries, split).model_dump_json().encode()
    save_bundle(model, folder, extras={EXPERIENCE_FILE: experience})
    return folder


@pytest.fixture(scope="module")
def answerer(bundle: Path) -> Answerer:
    return Answerer.load(bundle)


@pytest.fixture(scope="module")
def columns(deliveries: dict[str, Column]) -> dict[str, Column]:
    return FEATURES.compute_identified(take_rows(deliveries, np.arange(5)))


def test_the_answer_is_the_model_s_own(answerer: Answerer, model: Model, columns: dict[str, Column]) -> None:
    status, body = answerer.answer(encode_columns(columns))

    expected, answer = model.load().predict(columns), decode_answer(body)
    assert status == 200
    assert (answer.low, answer.value, answer.high) == tuple(
        tuple(column.tolist()) for column in (expected.low, expected.value, expected.high)
    )
    assert answer.bundle_digest == answerer.bundle_digest
    assert not answer.explanations
    assert not answer.doubts


def test_reasons_and_doubts_come_when_they_are_wanted(answerer: Answerer, columns: dict[str, Column]) -> None:
    far = {name: column * 1e6 if name.startswith("length_m") else column for name, column in columns.items()}

    _status, body = answerer.answer(encode_columns(far, wanted=Wanted(explain=True, humility=HumilityPolicy())))

    answer = decode_answer(body)
    assert len(answer.explanations) == 5
    assert all(answer.doubts)


def test_only_the_model_that_is_meant_stretches_its_intervals(answerer: Answerer, columns: dict[str, Column]) -> None:
    def ask(digest: str) -> float:
        wanted = Wanted(stretch=Stretch(factor=2.0, bundle_digest=digest))
        return decode_answer(answerer.answer(encode_columns(columns, wanted=wanted))[1]).high[0]

    assert ask(answerer.bundle_digest) > ask("another")


def test_columns_of_other_features_are_refused_with_its_own(
    answerer: Answerer, model: Model, columns: dict[str, Column]
) -> None:
    status, body = answerer.answer(encode_columns({f"{name}0": column for name, column in columns.items()}))

    assert status == 424
    assert decode_refusal(body.decode()).feature_fingerprint == model.feature_fingerprint


def test_a_body_that_is_no_table_is_a_bad_request(answerer: Answerer) -> None:
    status, body = answerer.answer(b"{}")

    assert status == 400
    assert "the body must be" in json.loads(body)["error"]


def test_a_bundle_whose_seal_is_broken_is_not_served(bundle: Path, tmp_path: Path) -> None:
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "quantile_1.txt").write_text("another")

    with pytest.raises(CorruptBundleError, match=r"quantile_1\.txt"):
        Answerer.load(tmp_path)
