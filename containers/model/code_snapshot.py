"""The code that trains a model, as one file that travels with the model."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

_PACKAGES = {"noriba", "usecases"}
_HERE = Path(__file__).parent


def archive_code() -> bytes:
    """A zip of what this program has loaded of ours, with the tables beside it; the same code makes the same bytes.

    Called when the work is done: what was not loaded by then had no part in it.
    """
    files: dict[str, Path] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None:
            continue
        path = Path(file)
        if name.partition(".")[0] in _PACKAGES:
            folder = name.replace(".", "/") if path.name == "__init__.py" else name.rpartition(".")[0].replace(".", "/")
            files[f"{folder}/{path.name}"] = path
            files |= {f"{folder}/{table.relative_to(path.parent)}": table for table in path.parent.glob("**/*.csv")}
        elif path.parent == _HERE:
            files[f"containers/model/{path.name}"] = path
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for archived, path in sorted(files.items()):
            # ZipInfo's own date is 1980-01-01: an archive must not tell when it was made.
            zipped.writestr(zipfile.ZipInfo(archived), path.read_bytes())
    return archive.getvalue()
