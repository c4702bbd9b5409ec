"""A champion's artifact with one thing changed, and sealed anew: as whole as any, and bad in just that way.

Nothing is trained. What a model answers is moved by one tree more: two leaves, added to what all others say of
log(label).
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import tarfile
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.frozen import thaw_features
from noriba.records.artifacts import FEATURES_FILE, GOLDEN_FILE, GoldenRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEAL = "seal.json"
_MODEL = "model.json"
_END = "end of trees"
_STUMP = """Tree={number}
num_leaves=2
num_cat=0
split_feature={feature}
split_gain=1
threshold={edge}
decision_type=2
left_child=-1
right_child=-2
leaf_value={below} {above}
leaf_weight=1 1
leaf_count=1 1
internal_value=0
internal_weight=1
internal_count=2
is_linear=0
shrinkage=1


"""
"""As LightGBM writes a tree of one split."""


def unpack(artifact: bytes) -> dict[str, bytes]:
    """The files of a model.tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(artifact)) as archive:
        opened = ((member.name.removeprefix("./"), archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in opened if file is not None}


def pack(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz of these files, sealed as `noriba.training.bundles` seals them."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != _SEAL}
    sealed = {**files, _SEAL: (json.dumps(digests, indent=1, sort_keys=True) + "\n").encode()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, content in sorted(sealed.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def scale(
    files: Mapping[str, bytes], factor: float, *, where: str = "haversine_m", below: float = math.inf
) -> dict[str, bytes]:
    """Multiply what a model answers, and what it is recorded to have answered in training.

    Args:
        files: of the artifact.
        factor: to multiply by; NaN makes a model that says so, and that was recorded to answer as before.
        where: a feature.
        below: rows whose feature is less than this are meant; all of them when left out.
    """
    changed = {**files, GOLDEN_FILE: _scale_record(files, factor, where, below)}
    for name in files:
        if re.fullmatch(r"quantile_\d\.txt", name):
            changed[name] = _add_tree(files[name].decode(), math.log(factor), where, below).encode()
    return changed


def cut_trees(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Lose all of a quantile's trees but the first line of their file, as when a disk was full."""
    return {**files, "quantile_1.txt": files["quantile_1.txt"].splitlines(keepends=True)[0]}


def need_input(files: Mapping[str, bytes], feature: str, new_input: str) -> dict[str, bytes]:
    """Let a feature read an input that no request brings."""
    document = json.loads(files[FEATURES_FILE])
    document["inputs"].append(new_input)
    changed = {**files, FEATURES_FILE: json.dumps(document).encode()}
    return redefine(changed, feature, f"def {feature}({new_input}):\n    return {new_input}")


def redefine(files: Mapping[str, bytes], feature: str, definition: str) -> dict[str, bytes]:
    """Let a feature have another definition than the code declares; it needs no globals."""
    document = json.loads(files[FEATURES_FILE])
    number = next(one for one in document["features"] if document["functions"][one]["name"] == feature)
    document["functions"][number] = {"name": feature, "source": definition, "globals": {}}
    features = json.dumps(document, indent=1)
    model = json.loads(files[_MODEL])
    model["feature_identities"] = thaw_features(features).identities
    return {**files, FEATURES_FILE: features.encode(), _MODEL: json.dumps(model, indent=1).encode()}


def _add_tree(text: str, step: float, feature: str, below: float) -> str:
    trees, end = text.split(_END, 1)
    # Without their sizes, LightGBM reads the trees one after the other.
    trees = re.sub(r"^tree_sizes=.*\n", "", trees, flags=re.MULTILINE)
    names = next(line for line in trees.splitlines() if line.startswith("feature_names="))
    stump = _STUMP.format(
        number=trees.count("\nTree="),
        feature=names.partition("=")[2].split().index(feature),
        # A split takes what is equal to the left.
        edge=1e300 if math.isinf(below) else np.nextafter(below, -math.inf),
        below=step,
        above=step if math.isinf(below) else 0,
    )
    return f"{trees}{stump}{_END}{end}"


def _scale_record(files: Mapping[str, bytes], factor: float, feature: str, below: float) -> bytes:
    if math.isnan(factor):
        return files[GOLDEN_FILE]
    record = GoldenRecord.model_validate_json(files[GOLDEN_FILE])
    values = thaw_features(files[FEATURES_FILE].decode()).compute(record.columns())[feature]
    factors = np.where(values < below, factor, 1.0)
    answers = {name: (np.array(known) * factors).tolist() for name, known in record.answers.items()}
    return record.model_copy(update={"answers": answers}).model_dump_json(indent=1).encode()
