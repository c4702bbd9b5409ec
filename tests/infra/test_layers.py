"""Layers of functions: only what is needed, for Lambda's processor and Python, the same bytes each time."""

from __future__ import annotations

import json
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

from infra.packages import LAMBDA_LIMIT_BYTES, Packages, _is_left_out
from tests.infra.package_files import EXTRAS, NAMES, ROOT, list_files, unzipped_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SITE = Path(sysconfig.get_paths()["purelib"])
# boto3 and what it needs: the Lambda runtime brings them.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
E_MACHINE_AARCH64, SHT_DYNAMIC, DT_NEEDED = 183, 6, 1
# What wheels may take for granted. https://peps.python.org/pep-0600/
SYSTEM_LIBRARIES = {
    *("libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "ld-linux-aarch64.so.1"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
}


def test_functions_share_three_layers(packages: Packages) -> None:
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
        # One that brings a library asks for no Python in particular.
        fits = (python, abi) in {("cp314", "cp314"), ("py3", "none")}
        assert pure or (fits and platform.endswith("_aarch64")), tag


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
    answers = "answering" in extras

    # Beside packages, only the library that LightGBM does not bring itself.
    assert [file for file in found if not file.startswith("python/")] == (["lib/libgomp.so.1"] if answers else [])
    assert not tops & {"boto3", "botocore", "noriba", "usecases", "bin", "sklearn"}
    assert ("lightgbm" in tops) == answers
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
            files = (name.split("/") for name in list_files(packages.layer(extras)))
            tops = {top for folder, top, *_ in files if folder == "python"}
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
def test_a_function_imports_with_its_package_its_layer_and_what_lambda_brings_alone(
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
    # An app waits for the first answer of one; it loads boto3 when it first needs more than the ledger and a model.
    assert ("boto3" in imported) == (name != "predict")
    # Of LightGBM the library alone is loaded, and what its package imports is not there.
    assert not imported & {"lightgbm", "scipy", "sklearn", "pytest"}
    if "datasets" not in extras:
        assert not imported & {"pandas", "pyarrow"}
