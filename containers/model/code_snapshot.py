"""The code that trains a model, as one file that travels with the model."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import noriba
import usecases

_SUFFIXES = {".py", ".csv"}
_PROGRAMS = {"train", "evaluate", "serve"}


def archive_code() -> bytes:
    """A zip of the library, the use cases and the container's programs; the same sources make the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, root in _list_roots():
            for path in sorted(root.rglob("*")):
                if path.is_file() and (path.suffix in _SUFFIXES or path.name in _PROGRAMS):
                    # ZipInfo's own date is 1980-01-01: an archive must not tell when it was made.
                    zipped.writestr(zipfile.ZipInfo(f"{name}/{path.relative_to(root).as_posix()}"), path.read_bytes())
    return archive.getvalue()


def _list_roots() -> list[tuple[str, Path]]:
    packages = [(package.__name__, Path(package.__path__[0])) for package in (noriba, usecases)]
    return [*packages, ("containers/model", Path(__file__).parent)]
