"""Packages of functions: only what is needed, for Lambda's processor and Python, the same bytes each time."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from infra.packages import Packages, code_hash
from tests.infra.package_files import NAMES, ROOT, list_files

if TYPE_CHECKING:
    from pathlib import Path


ANSWERING = {"ask_model", "predict_in_process"}
"""Those that have models in their own process."""
SHARED = {
    "use_cases": {"compact_observations", "gather_traffic", "judge_rollout", "tidy_rollouts", "update_live_means"},
    "predictions": {"predict", "predict_in_process"},
    "hosted_models": ANSWERING,
}
"""What several have in common, and which these are."""


@pytest.mark.parametrize("name", NAMES)
def test_a_function_holds_its_handler_and_what_it_and_the_use_cases_import(packages: Packages, name: str) -> None:
    found = set(list_files(packages.function(name)))

    assert {file.split("/")[0] for file in found} == {"handler.py", "functions", "noriba", "usecases"}
    also = {f"functions/{module}.py" for module, names in SHARED.items() if name in names}
    assert {file for file in found if file.startswith("functions/")} == {"functions/telemetry.py", *also}
    assert {"noriba/usecase/__init__.py", "usecases/taxi_eta/features.py"} <= found
    assert "usecases/taxi_eta/reference/nyc_taxi_zones.csv" in found
    # Who simulates, trains or types commands has no part in it.
    strangers = ("noriba/cli", "noriba/training", "/simulator.py", "/simulation/")
    if name in ANSWERING:
        strangers = ("noriba/cli", "noriba/training/trials.py", "/simulator.py", "/simulation/")
    assert not [file for file in found if any(stranger in file for stranger in strangers)]
    assert ("usecases/taxi_eta/sources.py" in found) == (name in {"plan_ingest", "transform_features"})


@pytest.mark.parametrize("name", NAMES)
def test_a_function_holds_no_caches_and_nothing_of_others(packages: Packages, name: str) -> None:
    found = list_files(packages.function(name))

    assert not [file for file in found if "__pycache__" in file or not file.endswith((".py", ".csv"))]
    with zipfile.ZipFile(packages.function(name)) as package:
        assert package.read("handler.py") == (ROOT / "functions" / name / "handler.py").read_bytes()


def test_another_clone_gives_the_same_bytes_under_the_same_name(packages: Packages, checkout: Path) -> None:
    ours = packages.function("predict")
    theirs = Packages(checkout, checkout / ".build").function("predict")

    assert theirs.name == ours.name
    assert theirs.read_bytes() == ours.read_bytes()


CHANGES = {
    "its handler": ("functions/predict/handler.py", {"predict"}),
    "the library it imports": (
        "src/noriba/aws/live_models.py",
        {"predict", "predict_in_process", "check_live_models", "register_candidate"},
    ),
    "a use case": ("usecases/taxi_eta/features.py", set(NAMES)),
    "a source": ("usecases/taxi_eta/sources.py", {"plan_ingest", "transform_features"}),
    "the command": ("src/noriba/cli/main.py", set()),
    "the simulator": ("usecases/taxi_eta/simulator.py", set()),
    "training": ("src/noriba/training/trials.py", set()),
    "a model": ("src/noriba/training/models.py", ANSWERING),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_function_is_another_one_when_code_that_it_imports_changes(
    packages: Packages, checkout: Path, change: str
) -> None:
    path, expected = CHANGES[change]
    with (checkout / path).open("a") as module:
        module.write("CHANGED = True\n")
    theirs = Packages(checkout, checkout / ".build")

    changed = {name for name in NAMES if code_hash(theirs.function(name)) != code_hash(packages.function(name))}

    assert changed == expected


def test_comments_and_a_readme_change_no_function(packages: Packages, checkout: Path) -> None:
    for module in checkout.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        future = "from __future__ import annotations\n"
        text = text.replace(future, f"# noted\n{future[:-1]}  # noted as well\n    # and here\n", 1)
        module.write_text(f"{text}# and at the end\n", encoding="utf-8")
    (checkout / "README.md").write_text("Another text.")
    theirs = Packages(checkout, checkout / ".build")

    for name in NAMES:
        assert code_hash(theirs.function(name)) == code_hash(packages.function(name))


def test_what_only_looks_like_a_comment_is_code(checkout: Path) -> None:
    handler = checkout / "functions/predict/handler.py"
    source = handler.read_text()
    names = set()
    for text in ("one", "two"):
        handler.write_text(f'{source}TEXT = """\n# {text}\n"""\n')
        names.add(code_hash(Packages(checkout, checkout / ".build").function("predict")))

    assert len(names) == 2


# --- images -----------------------------------------------------------------------------------------------------------


def test_an_image_holds_its_programs_and_what_they_import(packages: Packages) -> None:
    context = packages.image_context("model")
    found = {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}

    assert {"Dockerfile", "requirements.lock", "train", "serve", "evaluate", "training_job.py"} <= found
    assert {"noriba/training/models.py", "usecases/taxi_eta/features.py"} <= found
    assert os.access(context / "train", os.X_OK)
    strangers = ("noriba/cli", "noriba/aws", "noriba/serving", "/simulator.py", "/simulation/", "/sources.py")
    assert not [file for file in found if any(stranger in file for stranger in strangers)]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("src/noriba/training/models.py", True),
        ("containers/model/server.py", True),
        ("usecases/taxi_eta/features.py", True),
        ("src/noriba/cli/main.py", False),
        ("src/noriba/serving/requests.py", False),
        ("usecases/taxi_eta/simulator.py", False),
    ],
)
def test_an_image_is_another_one_when_what_it_runs_changes(
    packages: Packages, checkout: Path, path: str, changes: bool
) -> None:
    with (checkout / path).open("a") as module:
        module.write("CHANGED = True\n")

    theirs = Packages(checkout, checkout / ".build").image_context("model")

    assert (theirs.name != packages.image_context("model").name) is changes


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_readable_by_whoever_lambda_runs_as_and_have_no_date(packages: Packages) -> None:
    with zipfile.ZipFile(packages.function("predict")) as package:
        for entry in package.infolist():
            assert entry.external_attr >> 16 == 0o644
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_requirements_are_extras_of_the_project(checkout: Path) -> None:
    theirs = Packages(checkout, checkout / ".build")
    assert theirs.extras("plan_ingest") == ("datasets", "functions")

    (checkout / "functions/plan_ingest/requirements.txt").write_text("pandas==3.0\n")
    with pytest.raises(ValueError, match=r"functions/plan_ingest/requirements\.txt must be one line such as"):
        theirs.extras("plan_ingest")


def test_a_function_that_answers_with_models_has_lightgbm_s_library_and_not_what_its_package_imports(
    packages: Packages,
) -> None:
    found = list_files(packages.layer(("answering", "functions")))

    assert {"python/lightgbm/lib/lib_lightgbm.so", "lib/libgomp.so.1"} <= set(found)
    assert not [file for file in found if file.startswith("python/scipy")]
