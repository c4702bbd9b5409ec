"""A model as files: readable, sealed, and the same bytes for the same model.

    model.json          what it is: use case, features by identity, quantiles, calibration, encoders' keys
    encoders.npz        groups and values of the fitted encoders
    quantile_<i>.txt    LightGBM's own text for each quantile
    features.json       its feature definitions, so that they can be computed when the code has others
    golden.json         rows of the hold-out with the answers that this model gave in training
    window.json         what part of the past it learned from, and what that was chosen by
    experience.json     what values it has seen, and how wide its intervals usually are
    profile.json        how its features were distributed in training, day by day
    code.zip            the code that trained it
    seal.json           SHA-256 of each file above; its own digest names the bundle

Nothing here knows a clock, a job or a machine: what varies between two trainings of the same snapshot stands in the
registry.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from noriba.errors import CorruptBundleError
from noriba.features.columns import take_rows
from noriba.records.artifacts import GoldenRecord
from noriba.training.boosters import QuantileBoosters
from noriba.training.calibration import IntervalShift
from noriba.training.encoders import FittedEncoders, GroupIndex
from noriba.training.models import Model
from noriba.usecase import EncoderSpec, PaceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from noriba.features import Columns
    from noriba.usecase import UseCase

FORMAT = 1
GOLDEN_ROWS = 20
_SEAL = "seal.json"
_DIGESTS = TypeAdapter(dict[str, str])


class _Description(BaseModel):
    """model.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    use_case: str
    feature_identities: tuple[str, ...]
    quantiles: tuple[float, float, float]
    shift_low: float
    shift_high: float
    pace: PaceSpec | None
    encoders: tuple[EncoderSpec, ...]
    overall: float


def save_bundle(model: Model, folder: Path, *, extras: Mapping[str, bytes]) -> str:
    """Write the bundle and return its digest.

    Args:
        model: what to save.
        folder: an existing, empty folder.
        extras: further files to seal, by name; see `write_golden`.
    """
    description = _Description(
        format=FORMAT,
        use_case=model.use_case,
        feature_identities=model.feature_identities,
        quantiles=model.quantiles,
        shift_low=model.shift.low,
        shift_high=model.shift.high,
        pace=model.encoders.pace,
        encoders=model.encoders.specs,
        overall=model.encoders.overall,
    )
    (folder / "model.json").write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")
    np.savez(folder / "encoders.npz", **_pack_encoders(model.encoders))
    for index, text in enumerate(model.boosters.texts):
        (folder / f"quantile_{index}.txt").write_text(text, encoding="utf-8")
    for name, content in extras.items():
        (folder / name).write_bytes(content)
    seal = json.dumps(_hash_files(folder), indent=1, sort_keys=True) + "\n"
    (folder / _SEAL).write_text(seal, encoding="utf-8")
    return hashlib.sha256(seal.encode()).hexdigest()


def load_bundle(folder: Path) -> tuple[Model, str]:
    """Read a bundle and its digest.

    Raises:
        CorruptBundleError: a file is missing, changed, added, or of another format.
    """
    digest = _check_seal(folder)
    text = (folder / "model.json").read_bytes()
    # Before the fields are read: another format may have others.
    if (found := json.loads(text).get("format")) != FORMAT:
        raise CorruptBundleError(f"bundle format {found} is not {FORMAT}; use the container it came with")
    description = _Description.model_validate_json(text)
    with np.load(folder / "encoders.npz", allow_pickle=False) as arrays:
        encoders = _unpack_encoders(description, dict(arrays))
    texts = tuple((folder / f"quantile_{i}.txt").read_text(encoding="utf-8") for i in range(len(description.quantiles)))
    model = Model(
        use_case=description.use_case,
        feature_identities=description.feature_identities,
        quantiles=description.quantiles,
        encoders=encoders,
        boosters=QuantileBoosters(description.quantiles, texts),
        shift=IntervalShift(description.shift_low, description.shift_high),
    )
    return model, digest


def _check_seal(folder: Path) -> str:
    """The bundle's digest, when every file is what it was when sealed."""
    try:
        seal = (folder / _SEAL).read_bytes()
    except OSError as error:
        raise CorruptBundleError(f"{folder} holds no bundle: {_SEAL} is missing") from error
    try:
        sealed = _DIGESTS.validate_json(seal)
    except ValidationError as error:
        raise CorruptBundleError(f"the bundle's {_SEAL} cannot be read; train or download it again") from error
    found = _hash_files(folder)
    if sealed != found:
        changed = sorted(name for name in sealed.keys() | found.keys() if sealed.get(name) != found.get(name))
        raise CorruptBundleError(f"the bundle's seal is broken by {', '.join(changed)}; train or download it again")
    return hashlib.sha256(seal).hexdigest()


def write_golden(use_case: UseCase, model: Model, holdout: Columns) -> str:
    """golden.json: input columns of rows spread over the hold-out, and this model's answers to them.

    Whoever serves the model later can send the same rows through the whole path and compare.
    """
    rows = len(holdout[use_case.data.label])
    chosen = np.unique(np.linspace(0, rows - 1, GOLDEN_ROWS).astype(int))
    columns = take_rows(holdout, chosen)
    answers = model.load().predict_features(columns)
    record = GoldenRecord(
        inputs={name: _to_json(columns[name]) for name in use_case.features.inputs},
        answers={name: values.tolist() for name, values in vars(answers).items()},
    )
    return record.model_dump_json(indent=1) + "\n"


def _to_json(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _hash_files(folder: Path) -> dict[str, str]:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name != _SEAL}


def _pack_encoders(encoders: FittedEncoders) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for number, (index, values) in enumerate(zip(encoders.indexes, encoders.values, strict=True)):
        arrays[f"{number}.groups"] = index.groups
        arrays[f"{number}.values"] = values
        for place, distinct in enumerate(index.values):
            arrays[f"{number}.key{place}"] = distinct
    return arrays


def _unpack_encoders(description: _Description, arrays: dict[str, Any]) -> FittedEncoders:
    indexes = []
    for number, spec in enumerate(description.encoders):
        keys = tuple(arrays[f"{number}.key{place}"] for place in range(len(spec.keys)))
        indexes.append(GroupIndex(keys, arrays[f"{number}.groups"]))
    values = tuple(arrays[f"{number}.values"] for number in range(len(description.encoders)))
    return FittedEncoders(description.encoders, description.pace, description.overall, tuple(indexes), values)
