"""Lambda packages without Docker: dependencies as layers, our own code as one small zip a function.

A layer is what `uv` resolves from the project's extras, pinned by the lock, as wheels for Lambda's processor and
Python; it is built once for a lock and kept. Archives hold no dates, so the same sources give the same bytes and CDK
the same asset.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PYTHON_VERSION = "3.14"
PLATFORM = "aarch64-manylinux_2_28"
"""Graviton; Lambda's Amazon Linux 2023 has a newer C library than this asks for."""

LAMBDA_LIMIT_BYTES = 250 * 2**20
"""Unzipped function and layers together. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_OURS = ("src/noriba", "usecases")
_OUR_SUFFIXES = {".py", ".csv"}
_REQUIREMENT = re.compile(r"noriba\[([a-z,]+)\]")

# What no function imports: headers, sources, tests, and the parts of Arrow that speak to other systems. Arrow's
# substrait library has to stay: all of its modules are linked with it.
_LEFT_OUT = (
    ".lock",
    "bin/*",
    "*/__pycache__/*",
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
        """The zip of one function: its handler, the library and the use cases."""
        files = [(Path("handler.py"), self.root / "functions" / name / "handler.py")]
        for folder in _OURS:
            base = (self.root / folder).parent
            files += [(p.relative_to(base), p) for p in (self.root / folder).rglob("*") if p.suffix in _OUR_SUFFIXES]
        digest = _hash_files(files)
        return self._keep(f"functions/{name}-{digest}.zip", lambda path: _write_zip(path, files))

    def extras(self, name: str) -> tuple[str, ...]:
        """The project's extras that a function asks for in its requirements.txt."""
        text = (self.root / "functions" / name / "requirements.txt").read_text(encoding="utf-8")
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
        recipe = [PYTHON_VERSION, PLATFORM, *extras, *_LEFT_OUT, json.dumps(wanted), lock]
        digest = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
        return self._keep(f"layers/{'-'.join(extras)}-{digest}.zip", lambda path: self._build_layer(path, extras))

    def _build_layer(self, path: Path, extras: tuple[str, ...]) -> None:
        with tempfile.TemporaryDirectory(dir=self.build) as scratch:
            self._install(Path(scratch), extras)
            files = [
                (Path("python") / found.relative_to(scratch), found)
                for found in Path(scratch).rglob("*")
                if found.is_file() and not _is_left_out(found.relative_to(scratch).as_posix())
            ]
            size = sum(found.stat().st_size for _name, found in files)
            if size > LAMBDA_LIMIT_BYTES:
                raise ValueError(
                    f"layer {'-'.join(extras)} is {size >> 20} MiB; Lambda takes {LAMBDA_LIMIT_BYTES >> 20}"
                )
            _write_zip(path, files)

    def _install(self, target: Path, extras: tuple[str, ...]) -> None:
        command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--only-binary", ":all:"]
        command += ["--python-platform", PLATFORM, "--python-version", PYTHON_VERSION]
        command += ["--requirements", "pyproject.toml", "--constraints", "requirements.lock"]
        for extra in extras:
            command += ["--extra", extra]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
        if done.returncode:
            raise RuntimeError(f"uv could not install {', '.join(extras)} for {PLATFORM}:\n{done.stderr.strip()}")

    def _keep(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file of that name, made when it is not there; whole or not at all."""
        path = self.build / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            make(unfinished)
            shutil.move(unfinished, path)
        return path


def _is_left_out(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT)


def _hash_files(files: Iterable[tuple[Path, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(name.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _write_zip(target: Path, files: Iterable[tuple[Path, Path]]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files):
            # ZipInfo's own date is 1980-01-01; readable for everyone, as Lambda's user is nobody in particular.
            entry = zipfile.ZipInfo(name.as_posix())
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
