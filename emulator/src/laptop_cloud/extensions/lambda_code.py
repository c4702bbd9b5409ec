"""The code of Lambda functions, made ready for this computer.

A function is packaged for the Python and the processor that it has on AWS. What is pure Python runs here as it is;
wheels with native code for another platform are replaced by the same release for this one, and a package that cannot
run on this Python at all is refused with its name. Lambda itself brings boto3 and what that needs:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import io
import mmap
import platform
import subprocess
import sys
import sysconfig
import tempfile
import threading
import zipfile
from collections import defaultdict
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path, PurePosixPath

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag, sys_tags
from packaging.utils import canonicalize_name
from uv import find_uv_bin

RUNTIME_DISTRIBUTIONS = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings; where the project has `snapshot-restore-py`, that too."""

_OPTIONAL_RUNTIME_DISTRIBUTIONS = ("snapshot-restore-py",)


class KeptArchive(mmap.mmap):
    """A zip file on disk that can be used like its bytes."""

    digest: str

    def let_go(self) -> None:
        """Give back the memory that reading took; it is read again when somebody looks."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.madvise(mmap.MADV_DONTNEED)


Archive = bytes | KeptArchive


class CodeError(RuntimeError):
    """A function's code cannot run on this computer; the message names the package."""


class CodeStore:
    """Unpacked code, kept on disk by what it contains."""

    def __init__(self, state_dir: Path, wheels_dir: Path) -> None:
        """Use two folders.

        Args:
            state_dir: for what belongs to one laptop cloud; emptied by the caller when that begins.
            wheels_dir: for wheels of this computer, shared by every laptop cloud that ever runs.
        """
        self._archives = state_dir / "archives"
        self._trees = state_dir / "trees"
        self._wheels = wheels_dir
        self.runtime = state_dir / "runtime"
        for folder in (self._archives, self._trees, self._wheels, self.runtime):
            folder.mkdir(parents=True, exist_ok=True)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        _link_runtime(self.runtime)

    def keep(self, archive: bytes) -> KeptArchive:
        """The same bytes, but on disk: a package is large, and a function holds on to it."""
        digest = hashlib.sha256(archive).hexdigest()
        path = self._archives / f"{digest}.zip"
        with self._locks[digest]:
            if not path.exists():
                path.write_bytes(archive)
        with path.open("rb") as file:
            kept = KeptArchive(file.fileno(), 0, access=mmap.ACCESS_READ)
        kept.digest = digest
        return kept

    def prepare(self, archive: Archive, *, packages: str = ".") -> tuple[Path, list[Path]]:
        """Unpack an archive so that it can run here.

        Args:
            archive: a zip file.
            packages: the folder inside it that holds the packages: `python` for a layer.

        Returns:
            The unpacked folder, and the folders of the wheels that replace some of its packages.

        Raises:
            CodeError: a package cannot run on this computer.
        """
        digest = archive.digest if isinstance(archive, KeptArchive) else hashlib.sha256(archive).hexdigest()
        tree = self._trees / digest
        with self._locks[digest]:
            if not tree.exists():
                self._unpack(archive, tree, packages)
        if isinstance(archive, KeptArchive):
            archive.let_go()
        listed = (tree / _REPLACEMENTS).read_text().splitlines()
        return tree, [Path(line) for line in listed]

    def _unpack(self, archive: Archive, tree: Path, packages: str) -> None:
        with tempfile.TemporaryDirectory(dir=self._trees) as scratch, zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            fresh = Path(scratch, "tree")
            fresh.mkdir()
            names = zipped.namelist()
            zipped.extractall(fresh, [name for name in names if PurePosixPath(name).parent.suffix == ".dist-info"])
            foreign = [each for each in _distributions(fresh / packages) if not _loads_here(each)]
            replacements = [self._wheel(each.name, each.version) for each in foreign]
            # The native code is most of a package, and nobody here could use it.
            unusable = {str(PurePosixPath(packages, file)) for each in foreign for file in _recorded_files(each)}
            zipped.extractall(fresh, [name for name in names if name not in unusable and not name.endswith("/")])
            (fresh / _REPLACEMENTS).write_text("\n".join(str(path) for path in replacements))
            fresh.rename(tree)

    def _wheel(self, name: str, version: str) -> Path:
        """The folder of an installed wheel for this computer, fetched when it is not there."""
        where = f"{canonicalize_name(name)}-{version}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
        folder = self._wheels / where
        with self._locks[where]:
            if not folder.exists():
                with tempfile.TemporaryDirectory(dir=self._wheels) as scratch:
                    fresh = Path(scratch, "wheel")
                    _install(f"{name}=={version}", fresh)
                    fresh.rename(folder)
        return folder


_REPLACEMENTS = ".replaced-for-this-computer"
_TAGS: frozenset[Tag] = frozenset(sys_tags())


def _distributions(folder: Path) -> list[Distribution]:
    """What is installed in a folder.

    Raises:
        CodeError: something that does not run on this Python.
    """
    found: list[Distribution] = [PathDistribution(metadata) for metadata in sorted(folder.glob("*.dist-info"))]
    for distribution in found:
        _check_python(distribution)
    return found


def _recorded_files(distribution: Distribution) -> list[str]:
    """The files that a wheel's RECORD names; `Distribution.files` leaves out those that are not unpacked yet."""
    return [row[0] for row in csv.reader((distribution.read_text("RECORD") or "").splitlines())]


def _loads_here(distribution: Distribution) -> bool:
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [tag for line in lines if line.startswith("Tag:") for tag in parse_tag(line.removeprefix("Tag:").strip())]
    return not tags or not _TAGS.isdisjoint(tags)


def _check_python(distribution: Distribution) -> None:
    wanted = (distribution.metadata.get_all("Requires-Python") or [""])[0]
    if wanted and not SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        raise CodeError(
            f"{distribution.name} {distribution.version} needs Python {wanted}, and the laptop cloud runs functions on "
            f"Python {platform.python_version()}: choose a release that supports both, or start it with a newer Python"
        )


def _install(requirement: str, folder: Path) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--compile-bytecode"]
    done = subprocess.run(  # noqa: S603 -- uv, with a name and a version from the package's own metadata
        [*command, "--python", sys.executable, "--target", str(folder), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CodeError(
            f"{requirement} holds native code for another platform, and the same release for "
            f"{sysconfig.get_platform()} with Python {platform.python_version()} could not be had:\n"
            f"{done.stderr.strip()}"
        )


def _link_runtime(folder: Path) -> None:
    """Fill a folder with links to what Lambda's runtime brings, so that a function sees that and nothing more."""
    for name in (*RUNTIME_DISTRIBUTIONS, *_OPTIONAL_RUNTIME_DISTRIBUTIONS):
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in _OPTIONAL_RUNTIME_DISTRIBUTIONS:
                continue
            raise
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(str(distribution.locate_file(top)))
