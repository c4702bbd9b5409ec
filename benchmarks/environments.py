"""Virtual environments of their own for peers: made once from a pinned list, and kept under `.build/`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.model import BUILD

UV = Path(sys.executable).with_name("uv")
PEERS_FILE = Path(__file__).parent / "peers" / "requirements.txt"


def make_peers_environment() -> Path:
    """The environment of the peers: its Python; a minute, the first time.

    Raises:
        subprocess.CalledProcessError: a package could not be installed.
    """
    digest = hashlib.sha256(PEERS_FILE.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = BUILD / f"peers-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        print(f"  installing the peers into {folder.relative_to(BUILD.parents[1])}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for command in (
            [str(UV), "venv", "-q", "--python", sys.executable, str(folder)],
            # Whatever starts slowly for want of byte-code would be slow for a reason of our own making.
            [str(UV), "pip", "install", "-q", "--compile-bytecode", "--python", str(python), "-r", str(PEERS_FILE)],
        ):
            subprocess.run(command, check=True)  # noqa: S603  # our own commands
        (folder / "whole").touch()
    return python
