"""Packages of peers, and of functions as Lambda has them: installed once from pinned lists, kept under `.build/`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.model import BUILD, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def install_packages(name: str, wanted: Sequence[str], *, pins: Path) -> Path:
    """A folder with packages and all that they need, as a layer or an image has them; without byte-code.

    Args:
        name: of the folder.
        wanted: uv's words for what to install.
        pins: a file that says the version of each.
    """
    recipe = "\0".join([*wanted, sys.version]).encode() + pins.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    folder = BUILD / "installed" / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [str(UV), "pip", "install", "-q", "--target", str(unfinished), "--python", sys.executable]
        command += ["--only-binary", ":all:", "--constraints", str(pins), *wanted]
        subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603  # our own words
        unfinished.rename(folder)
    return folder


def run_peer(script: str, *arguments: str, longest_s: float = 600.0) -> str:
    """What a script of the peers' folder prints, run among their packages.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    command = [str(make_peers_environment()), str(PEERS_FILE.with_name(script)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=longest_s)  # noqa: S603  # our own words
    if done.returncode:
        raise RuntimeError(f"{script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def measure_bytes(*folders: Path) -> int:
    """What is in folders, byte-code aside."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.stat().st_size for path in files if path.is_file() and path.parent.name != "__pycache__")
