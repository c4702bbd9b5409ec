"""Packages without Docker: dependencies as layers, our own code as one small zip a function; and images' contexts.

A layer is what `uv` resolves from the project's extras, pinned by the lock, as wheels for Lambda's processor and
Python; it is built once for a lock and kept. A function carries what it imports, and is told apart by what its code
says: comments and blank lines deploy nothing. Archives hold no dates and no paths, so the same sources give the same
bytes, wherever they lie.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import tokenize
import tomllib
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from infra.closure import find_closure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PYTHON_VERSION = "3.14"
PLATFORM = "aarch64-manylinux_2_28"
"""Graviton; Lambda's Amazon Linux 2023 has a newer C library than this asks for."""

DOCKER_OUTPUT = "type=docker,oci-mediatypes=false"
"""Of images' builds. BuildKit writes an OCI manifest by default where Docker keeps images in containerd, and SageMaker
takes none. Podman does not know the option; BUILDAH_FORMAT=docker does it there.

https://docs.docker.com/build/exporters/oci-docker/
"""

LAMBDA_LIMIT_BYTES = 250 * 2**20
"""Unzipped function and layers together. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_OURS = {"functions": "functions", "noriba": "src/noriba", "usecases": "usecases"}
_LOADS_SOURCES = "noriba/datasets/sources.py"
"""The module that loads use cases' sources by name, which no import shows."""
_NOTHING = "\0"
# What LightGBM's Python package imports; functions load its library alone.
_NOT_LOADED = ("scipy",)
_OPENMP, _BRINGS_OPENMP = "libgomp.so.1", "scikit-learn"
_REQUIREMENT = re.compile(r"noriba\[([a-z,]+)\]")

# What no function imports: headers, sources, tests, and the parts of Arrow that speak to other systems. Arrow's
# substrait library has to stay: all of its modules are linked with it.
_LEFT_OUT = (
    ".lock",
    "bin/*",
    "*/__pycache__/*",
    # What an installer notes for itself.
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*/tests/*",
    "*.pyx",
    "*.pxd",
    "*.pxi",
    "*.pyi",
    "*.h",
    "*.hpp",
    "pyarrow/include/*",
    "pyarrow/*flight*",
    "pyarrow/_substrait*",
    "pyarrow/_pyarrow_cpp_tests*",
    "pyarrow/*.so.*.1.0",
)


@dataclass(frozen=True)
class Packages:
    """The packages of a project.

    Attributes:
        root: the repository.
        build: where packages are kept between runs.
    """

    root: Path
    build: Path

    def function(self, name: str) -> Path:
        """The zip of one function: its handler, and what it and the use cases import of ours; see `code_hash`."""
        handler = self.root / "functions" / name / "handler.py"
        files = {"handler.py": handler, **self._find_imported([handler])}
        contents = {name: path.read_bytes() for name, path in files.items()}
        code = {name: _drop_comments(it) if name.endswith(".py") else it for name, it in contents.items()}
        return self._keep(
            f"functions/{name}.{_hash(code)}.{_hash(contents)}.zip", lambda path: _write_zip(path, files.items())
        )

    def image_context(self, name: str) -> Path:
        """The folder that an image of `containers/` is built from: its files, and what they import of ours."""
        source = self.root / "containers" / name
        own = {path.name: path for path in source.iterdir() if path.is_file()}
        programs = (path for path in own.values() if path.suffix == ".py")
        files = {**own, **self._find_imported(programs)}
        digest = _hash({name: path.read_bytes() for name, path in files.items()})
        return self._keep(f"images/{name}-{digest}", lambda path: _write_folder(path, files))

    def _find_imported(self, programs: Iterable[Path]) -> dict[str, Path]:
        """What programs import of ours, and every use case, which they load by its name."""
        packages = {name: self.root / folder for name, folder in _OURS.items()}
        use_cases = [f"usecases.{path.parent.name}" for path in (self.root / "usecases").glob("*/__init__.py")]
        found = find_closure(programs, packages, also=use_cases)
        if _LOADS_SOURCES in found:
            sources = [f"{use_case}.sources" for use_case in use_cases]
            found |= find_closure((), packages, also=sources)
        return found

    def extras(self, name: str) -> tuple[str, ...]:
        """The project's extras that a function asks for in its requirements.txt."""
        file = self.root / "functions" / name / "requirements.txt"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        match = _REQUIREMENT.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                f"functions/{name}/requirements.txt must be one line such as noriba[functions]; is {text!r}"
            )
        return tuple(sorted(match[1].split(",")))

    def layer(self, extras: tuple[str, ...]) -> Path:
        """The zip of a layer with the dependencies of these extras."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
        lock = (self.root / "requirements.lock").read_text(encoding="utf-8")
        recipe = [PYTHON_VERSION, PLATFORM, *extras, *_LEFT_OUT, *_NOT_LOADED, json.dumps(wanted), lock]
        digest = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
        return self._keep(f"layers/{'-'.join(extras)}-{digest}.zip", lambda path: self._build_layer(path, extras))

    def _build_layer(self, path: Path, extras: tuple[str, ...]) -> None:
        with tempfile.TemporaryDirectory(dir=self.build) as scratch:
            self._install(Path(scratch), extras)
            _forget_scripts(Path(scratch))
            files = [
                (f"python/{found.relative_to(scratch).as_posix()}", found)
                for found in Path(scratch).rglob("*")
                if found.is_file() and not _is_left_out(found.relative_to(scratch).as_posix())
            ]
            if Path(scratch, "lightgbm").exists():
                files.append((f"lib/{_OPENMP}", self._find_openmp(Path(scratch, ".openmp"))))
            size = sum(found.stat().st_size for _name, found in files)
            if size > LAMBDA_LIMIT_BYTES:
                raise ValueError(
                    f"layer {'-'.join(extras)} is {size >> 20} MiB; Lambda takes {LAMBDA_LIMIT_BYTES >> 20}"
                )
            _write_zip(path, files)

    def _find_openmp(self, scratch: Path) -> Path:
        """The OpenMP runtime for Lambda's processor, as a wheel of the lock carries it.

        LightGBM's wheel is linked against it and does not, nor does Lambda's Linux. A layer's `lib` is looked through
        for libraries: https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
        """
        self._run_uv(scratch, [_BRINGS_OPENMP, "--no-deps"], what=_BRINGS_OPENMP)
        [found] = scratch.glob("*.libs/libgomp*.so*")
        return found

    def _install(self, target: Path, extras: tuple[str, ...]) -> None:
        wanted = ["--requirements", "pyproject.toml"]
        for extra in extras:
            wanted += ["--extra", extra]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
            # Wanted in no environment that there is, and therefore not installed.
            overrides.write("".join(f"{name}; python_version < '3'\n" for name in _NOT_LOADED))
            overrides.flush()
            self._run_uv(target, [*wanted, "--overrides", overrides.name], what=", ".join(extras))

    def _run_uv(self, target: Path, wanted: Sequence[str], *, what: str) -> None:
        command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--only-binary", ":all:"]
        command += ["--python-platform", PLATFORM, "--python-version", PYTHON_VERSION]
        command += ["--constraints", "requirements.lock", *wanted]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
        if done.returncode:
            raise RuntimeError(f"uv could not install {what} for {PLATFORM}:\n{done.stderr.strip()}")

    def _keep(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file of that name, made when it is not there; whole or not at all."""
        path = self.build / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of this process alone: another one may be making the same.
            unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
            make(unfinished)
            try:
                unfinished.rename(path)
            except OSError:
                # A folder, which the other one has put there meanwhile.
                shutil.rmtree(unfinished)
        return path


def _forget_scripts(installed: Path) -> None:
    """Let each RECORD speak of the files that travel.

    The others' hashes differ from folder to folder: the first line of a script names the one that it was installed in.
    """
    for record in installed.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        names = [next(csv.reader([line]))[0] for line in lines]
        travels = [not (name.startswith("..") or _is_left_out(name)) for name in names]
        record.write_text("".join(sorted(itertools.compress(lines, travels))), encoding="utf-8")


def _is_left_out(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT)


def code_hash(package: Path) -> str:
    """What a function's code says, as a hash: comments and lines without code do not count."""
    return package.name.split(".")[1]


def _hash(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1024)  # functions share most of their modules
def _drop_comments(source: bytes) -> bytes:
    """A module without comments, nor the lines that held nothing else.

    As text, not as a syntax tree: how a tree is written down differs between versions of Python.
    """
    lines = source.decode().split("\n")
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start[0] - 1, token.start[1]
            lines[row] = lines[row][:column].rstrip() or _NOTHING
    return "\n".join(line for line in lines if line != _NOTHING).encode()


def _write_zip(target: Path, files: Iterable[tuple[str, Path]]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files):
            # ZipInfo's own date is 1980-01-01; readable for everyone, as Lambda's user is nobody in particular.
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _write_folder(target: Path, files: Mapping[str, Path]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for name, path in files.items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
