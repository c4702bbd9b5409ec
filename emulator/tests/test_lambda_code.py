"""Packages made for Lambda's processor and Python are made to run on this computer."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from laptop_cloud.extensions.lambda_code import RUNTIME_DISTRIBUTIONS, CodeError, CodeStore
from laptop_cloud.extensions.lambda_environment import Environment, EnvironmentSettings

if TYPE_CHECKING:
    from pathlib import Path

NATIVE = "markupsafe==3.0.3"


@pytest.fixture(scope="module")
def foreign_package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A function as its bundling makes it: for arm64 and the Python that Lambda has."""
    folder = tmp_path_factory.mktemp("package")
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder), "--only-binary", ":all:"]
    command += ["--python-platform", "aarch64-manylinux2014", "--python-version", "3.14", NATIVE]
    subprocess.run(command, check=True)
    (folder / "app.py").write_text(
        "import markupsafe._speedups\n\ndef handler(event, context):\n    return str(markupsafe.escape(event))\n"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture
def store(tmp_path: Path, wheels: Path) -> CodeStore:
    return CodeStore(tmp_path / "functions", wheels)


def package(*, name: str = "pure", wheel: str = "py3-none-any", requires: str = ">=3.9") -> bytes:
    """A zip with one installed distribution in it, and no code."""
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nRequires-Python: {requires}\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {wheel}\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", f"{name}-1.0.dist-info/METADATA,,\n")
    return buffer.getvalue()


def test_native_code_for_another_platform_is_replaced_by_the_same_release(
    store: CodeStore, foreign_package: bytes
) -> None:
    tree, replaced = store.prepare(foreign_package)

    assert [path.name.rsplit("-", 4)[0] for path in replaced] == ["markupsafe-3.0.3"]
    assert not (tree / "markupsafe" / "_speedups.cpython-314-aarch64-linux-gnu.so").exists()
    environment = Environment(
        EnvironmentSettings(
            handler="app.handler",
            code=tree,
            path_first=(tree, *replaced),
            path_last=(store.runtime,),
            variables={
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_LOG_GROUP_NAME": "g",
                "AWS_LAMBDA_LOG_STREAM_NAME": "s",
            },
            timeout_s=5,
            memory_mib=128,
        )
    )
    try:
        assert environment.invoke("<b>", "1", "arn").result == "&lt;b&gt;"
    finally:
        environment.end()


def test_a_wheel_is_fetched_once_for_all_functions(
    store: CodeStore, foreign_package: bytes, tmp_path: Path, wheels: Path
) -> None:
    _, first = store.prepare(foreign_package)
    _, second = CodeStore(tmp_path / "another", wheels).prepare(foreign_package)

    assert first == second


def test_pure_packages_stay_as_they_are(store: CodeStore) -> None:
    tree, replaced = store.prepare(package())

    assert replaced == []
    assert (tree / "pure-1.0.dist-info" / "METADATA").exists()


def test_a_release_that_does_not_exist_for_this_computer_is_named(store: CodeStore) -> None:
    foreign = package(name="markupsafe", wheel="cp314-cp314-manylinux_2_17_aarch64")

    with pytest.raises(CodeError, match=r"markupsafe==1\.0 holds native code for another platform"):
        store.prepare(foreign)


def test_a_package_for_a_newer_python_only_is_named(store: CodeStore) -> None:
    with pytest.raises(CodeError, match=r"pure 1\.0 needs Python >=3\.99"):
        store.prepare(package(requires=">=3.99"))


def test_what_failed_once_is_tried_again(store: CodeStore) -> None:
    broken = package(requires=">=3.99")

    for _ in range(2):
        with pytest.raises(CodeError):
            store.prepare(broken)


def test_the_runtime_folder_holds_what_lambda_brings_and_can_be_imported(store: CodeStore) -> None:
    modules = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"]
    script = f"import sys; sys.path.append({str(store.runtime)!r}); import {', '.join(modules)}; import json"
    script += "; print(json.dumps(boto3.__version__)); import pydantic"

    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)

    assert len(RUNTIME_DISTRIBUTIONS) == len(modules)
    assert json.loads(done.stdout)
    assert "No module named 'pydantic'" in done.stderr
