"""Packages of functions: only what is needed, for Lambda's processor and Python, the same bytes each time."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.packages import LAMBDA_LIMIT_BYTES, Packages, _is_left_out, code_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_paths()["purelib"])
NAMES = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
EXTRAS = [("datasets", "functions"), ("functions",)]
# boto3 and what it needs: the Lambda runtime brings them.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
E_MACHINE_AARCH64, SHT_DYNAMIC, DT_NEEDED = 183, 6, 1
# What wheels may take for granted. https://peps.python.org/pep-0600/
SYSTEM_LIBRARIES = {
    *("libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "ld-linux-aarch64.so.1"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
}


@pytest.fixture(scope="session")
def packages() -> Packages:
    return Packages(ROOT, ROOT / ".build")


def list_files(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as package:
        return package.namelist()


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as package:
        return sum(entry.file_size for entry in package.infolist())


# --- functions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_function_holds_its_handler_and_what_it_and_the_use_cases_import(packages: Packages, name: str) -> None:
    found = set(list_files(packages.function(name)))

    assert {file.split("/")[0] for file in found} == {"handler.py", "functions", "noriba", "usecases"}
    assert [file for file in found if file.startswith("functions/")] == ["functions/telemetry.py"]
    assert {"noriba/usecase/__init__.py", "usecases/taxi_eta/features.py"} <= found
    assert "usecases/taxi_eta/reference/nyc_taxi_zones.csv" in found
    # Who simulates, trains or types commands has no part in it.
    strangers = ("noriba/cli", "noriba/training", "/simulator.py", "/simulation/")
    assert not [file for file in found if any(stranger in file for stranger in strangers)]
    assert ("usecases/taxi_eta/sources.py" in found) == (name in {"plan_ingest", "transform_features"})


@pytest.mark.parametrize("name", NAMES)
def test_a_function_holds_no_caches_and_nothing_of_others(packages: Packages, name: str) -> None:
    found = list_files(packages.function(name))

    assert not [file for file in found if "__pycache__" in file or not file.endswith((".py", ".csv"))]
    with zipfile.ZipFile(packages.function(name)) as package:
        assert package.read("handler.py") == (ROOT / "functions" / name / "handler.py").read_bytes()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another clone: the same files, younger, in another place and with stricter permissions."""
    for folder in ("src/noriba", "usecases", "functions", "containers"):
        shutil.copytree(ROOT / folder, tmp_path / "clone" / folder, copy_function=shutil.copyfile)
    for module in (tmp_path / "clone").rglob("*.py"):
        module.chmod(0o600)
        os.utime(module, (2_000_000_000, 2_000_000_000))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def test_another_clone_gives_the_same_bytes_under_the_same_name(packages: Packages, checkout: Path) -> None:
    ours = packages.function("predict")
    theirs = Packages(checkout, checkout / ".build").function("predict")

    assert theirs.name == ours.name
    assert theirs.read_bytes() == ours.read_bytes()


CHANGES = {
    "its handler": ("functions/predict/handler.py", {"predict"}),
    "the library it imports": ("src/noriba/aws/live_models.py", {"predict", "check_live_models", "register_candidate"}),
    "a use case": ("usecases/taxi_eta/features.py", set(NAMES)),
    "a source": ("usecases/taxi_eta/sources.py", {"plan_ingest", "transform_features"}),
    "the command": ("src/noriba/cli/main.py", set()),
    "the simulator": ("usecases/taxi_eta/simulator.py", set()),
    "training": ("src/noriba/training/models.py", set()),
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


# --- layers -----------------------------------------------------------------------------------------------------------


def test_functions_share_two_layers(packages: Packages) -> None:
    assert sorted({packages.extras(name) for name in NAMES}) == EXTRAS


@pytest.mark.parametrize("name", NAMES)
def test_function_and_layer_together_fit_into_lambda(packages: Packages, name: str) -> None:
    layer = packages.layer(packages.extras(name))

    assert unzipped_bytes(packages.function(name)) + unzipped_bytes(layer) < LAMBDA_LIMIT_BYTES


@pytest.mark.parametrize("extras", EXTRAS, ids="-".join)
def test_everything_compiled_is_for_graviton(packages: Packages, extras: tuple[str, ...]) -> None:
    compiled = 0
    with zipfile.ZipFile(packages.layer(extras)) as layer:
        for entry in layer.infolist():
            with layer.open(entry) as file:
                header = file.read(20)
            if header.startswith(b"\x7fELF"):
                compiled += 1
                assert int.from_bytes(header[18:20], "little") == E_MACHINE_AARCH64, entry.filename
    assert compiled > 10


@pytest.mark.parametrize("extras", EXTRAS, ids="-".join)
def test_everything_compiled_finds_the_libraries_that_it_is_linked_with(
    packages: Packages, extras: tuple[str, ...]
) -> None:
    """Whatever is left out of a layer, this is how a missing library shows before Lambda tries to load it."""
    with zipfile.ZipFile(packages.layer(extras)) as layer:
        brought = {Path(name).name for name in layer.namelist()}
        for name in layer.namelist():
            content = layer.read(name)
            if content.startswith(b"\x7fELF"):
                assert read_needed(content) <= brought | SYSTEM_LIBRARIES, name


def read_needed(content: bytes) -> set[str]:
    """The DT_NEEDED entries of a 64-bit little-endian ELF file. https://refspecs.linuxfoundation.org/elf/elf.pdf"""
    (sections_at,) = struct.unpack_from("<Q", content, 0x28)
    size, count = struct.unpack_from("<HH", content, 0x3A)
    # Type, offset, length and linked section of each section.
    sections = [struct.unpack_from("<4xI16xQQI", content, sections_at + size * index) for index in range(count)]
    needed = set()
    for kind, start, length, linked in sections:
        if kind == SHT_DYNAMIC:
            names_at = sections[linked][1]
            for tag, value in struct.iter_unpack("<QQ", content[start : start + length]):
                if tag == DT_NEEDED:
                    end = content.index(b"\0", names_at + value)
                    needed.add(content[names_at + value : end].decode())
    return needed


@pytest.mark.parametrize("extras", EXTRAS, ids="-".join)
def test_every_wheel_is_for_lambda_s_python(packages: Packages, extras: tuple[str, ...]) -> None:
    tags = {tag for tags in read_tags(packages.layer(extras)).values() for tag in tags}

    assert any(tag.startswith("cp314-cp314-") for tag in tags)
    for tag in tags:
        python, abi, platform = tag.split("-")
        pure = abi == "none" and platform == "any" and python.startswith("py")
        assert pure or (python == "cp314" and abi == "cp314" and platform.endswith("_aarch64")), tag


def read_tags(layer: Path) -> dict[str, list[str]]:
    """The tags of each wheel in a layer; a wheel may carry several, all of which it fits."""
    with zipfile.ZipFile(layer) as package:
        return {
            name.split("/")[1]: [
                line.removeprefix("Tag: ")
                for line in package.read(name).decode().splitlines()
                if line.startswith("Tag: ")
            ]
            for name in package.namelist()
            if name.endswith(".dist-info/WHEEL")
        }


@pytest.mark.parametrize("extras", EXTRAS, ids="-".join)
def test_a_layer_brings_no_boto3_no_tests_and_no_headers(packages: Packages, extras: tuple[str, ...]) -> None:
    found = list_files(packages.layer(extras))
    tops = {file.split("/")[1] for file in found}

    assert {file.split("/")[0] for file in found} == {"python"}
    assert not tops & {"boto3", "botocore", "noriba", "usecases", "lightgbm", "bin"}
    assert not [file for file in found if "/tests/" in file or file.endswith((".h", ".pyx", ".pyi", ".pyc"))]


def test_only_the_layer_for_data_has_pandas_and_arrow(packages: Packages) -> None:
    heavy = {"pandas", "pyarrow"}
    tops = {extras: {file.split("/")[1] for file in list_files(packages.layer(extras))} for extras in EXTRAS}

    assert heavy <= tops["datasets", "functions"]
    assert not heavy & tops["functions",]


@dataclass(frozen=True)
class PretendedInstall(Packages):
    """Packages whose installer writes these files instead of downloading."""

    files: tuple[str, ...] = ()
    size: int = 3

    def _install(self, target: Path, extras: tuple[str, ...]) -> None:
        for name in self.files:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(self.size)
        assert extras == ("functions",)


WANTED = ("numpy/core.py", "numpy/core.so", "pydantic/main.py")
UNWANTED = (
    "bin/numpy",
    "numpy-2.dist-info/INSTALLER",
    "numpy-2.dist-info/direct_url.json",
    "numpy/tests/test_core.py",
    "numpy/core.h",
    "numpy/core.pyi",
    "numpy/__pycache__/core.pyc",
)


def test_a_layer_is_the_same_whatever_order_its_files_came_in(tmp_path: Path) -> None:
    made = []
    for number, files in enumerate((WANTED, WANTED[::-1])):
        installer = PretendedInstall(ROOT, tmp_path / str(number), files)
        installer.build.mkdir()
        made.append(installer.layer(("functions",)))

    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()


def test_what_no_function_imports_is_left_out_of_a_layer(tmp_path: Path) -> None:
    installer = PretendedInstall(ROOT, tmp_path, (*WANTED, *UNWANTED))

    assert list_files(installer.layer(("functions",))) == [f"python/{name}" for name in sorted(WANTED)]


def test_a_layer_too_large_for_lambda_is_refused_and_not_kept(tmp_path: Path) -> None:
    installer = PretendedInstall(ROOT, tmp_path, ("numpy/core.so",), LAMBDA_LIMIT_BYTES + 1)

    with pytest.raises(ValueError, match="layer functions is 250 MiB; Lambda takes 250"):
        installer.layer(("functions",))
    assert list(tmp_path.rglob("*.zip")) == []


def test_a_layer_is_built_once_for_a_lock(tmp_path: Path, checkout: Path) -> None:
    """Its name is made of everything that it depends on; with the same name, the file that is there is taken."""
    ours = Packages(ROOT, ROOT / ".build").layer(("functions",))
    kept = checkout / ".build" / "layers" / ours.name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"as it was")

    assert Packages(checkout, checkout / ".build").layer(("functions",)).read_bytes() == b"as it was"

    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# another lock\n")
    relocked = PretendedInstall(checkout, tmp_path, WANTED)
    assert relocked.layer(("functions",)).name != ours.name


def test_what_cannot_be_installed_says_why(checkout: Path) -> None:
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text().replace("functions = [", 'functions = ["no wheel/of this name", '))
    (checkout / ".build").mkdir()

    with pytest.raises(RuntimeError, match="uv could not install functions for aarch64-manylinux_2_28"):
        Packages(checkout, checkout / ".build").layer(("functions",))


# --- imported with nothing else ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mirror(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], Path]:
    """A layer's packages for this machine: the same names, and of each only the files that the layer kept."""
    folder = tmp_path_factory.mktemp("mirror")

    def build(extras: tuple[str, ...]) -> Path:
        target = folder / "-".join(extras)
        if not target.exists():
            tops = {name.split("/")[1] for name in list_files(packages.layer(extras))}
            link(sorted(top for top in tops if not top.endswith(".dist-info")), target)
        return target

    return build


def link(tops: list[str], target: Path) -> None:
    for top in tops:
        for name in walk(SITE / top):
            if not _is_left_out(name):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).symlink_to(SITE / name)


def walk(path: Path) -> Iterator[str]:
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            yield file.relative_to(SITE).as_posix()


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    for top in RUNTIME:
        (folder / top).symlink_to(SITE / top)
    return folder


IMPORT = """
import json, sys
sys.path += sys.argv[1:]
sys.pycache_prefix = sys.argv[2] + "-compiled"  # the functions share what they import
import handler
assert callable(handler.handler)
from noriba.usecase import list_use_cases, load_use_case
for name in list_use_cases():
    use_case = load_use_case(name)
    if "noriba.datasets.sources" in sys.modules:
        sys.modules["noriba.datasets.sources"].load_sources(use_case)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("extras", EXTRAS, ids="-".join)
def test_the_layer_s_versions_are_those_tested_here(packages: Packages, extras: tuple[str, ...]) -> None:
    ours = {path.name.lower() for path in SITE.glob("*.dist-info")}
    theirs = {name.lower() for name in read_tags(packages.layer(extras))}

    assert theirs <= ours


@pytest.mark.parametrize("name", NAMES)
def test_a_function_imports_with_its_package_its_layer_and_boto3_alone(
    packages: Packages,
    mirror: Callable[[tuple[str, ...]], Path],
    runtime: Path,
    tmp_path: Path,
    name: str,
) -> None:
    code = tmp_path / "task"
    shutil.unpack_archive(packages.function(name), code)
    extras = packages.extras(name)
    command = [sys.executable, "-I", "-S", "-c", IMPORT, str(code), str(mirror(extras)), str(runtime)]
    done = subprocess.run(
        command, env={"AWS_REGION": "eu-west-1"}, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert "boto3" in imported
    assert not imported & {"lightgbm", "sklearn", "pytest"}
    if "datasets" not in extras:
        assert not imported & {"pandas", "pyarrow"}
