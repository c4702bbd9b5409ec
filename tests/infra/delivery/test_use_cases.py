"""Code of use cases goes the way that all goes: in the image, in functions' packages, and so through every stage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from infra.packages import Packages, code_hash
from tests.infra.delivery.conftest import ENVIRONMENTS, open_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.assembly import Assembly

CHANGES = (
    "usecases/taxi_eta/features.py",
    "usecases/taxi_eta/policy.py",
    "usecases/scooter_energy/rules.py",
)


@pytest.mark.parametrize("changed", CHANGES)
def test_a_use_case_that_changes_is_another_image_and_another_function(
    packages: Packages, checkout: Path, changed: str
) -> None:
    """The image's tag is what it is made of, so it is built; by its digest, every stack that names it changes."""
    with (checkout / changed).open("a") as module:
        module.write("CHANGED = True\n")
    theirs = Packages(checkout, checkout / ".build")

    assert theirs.image_context("model").name != packages.image_context("model").name
    assert (theirs.image_context("model") / changed).read_text().endswith("CHANGED = True\n")
    # Who decides about training asks the use case's policy.
    assert code_hash(theirs.function("decide_retraining")) != code_hash(packages.function("decide_retraining"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_is_handed_the_functions_of_this_checkout(
    delivered: Assembly, packages: Packages, name: str
) -> None:
    """So what is staged changes with them: a package is uploaded under a hash of what its code says."""
    environment = open_environment(delivered, name)
    uploaded = {
        key
        for manifest in environment.path.glob("*.assets.json")
        for key in json.loads(manifest.read_text()).get("files", {})
    }
    templates = json.dumps(environment.templates)

    for function in ("decide_retraining", "predict", "register_candidate", "transform_features"):
        said = f"{function}-{code_hash(packages.function(function))}"
        key = hashlib.sha256(said.encode()).hexdigest()
        assert key in uploaded, function
        assert f"{key}.zip" in templates, function
