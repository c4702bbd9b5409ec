"""Which packages of this environment an image would not have.

A program runs with the packages that are installed here. An image has those that its requirements name, and no more: a
program that needs another one works here and fails on AWS. And LightGBM, for one, imports pandas and scikit-learn
where it finds them, which takes longer than all the rest of a server's start.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.images import ContainerImage

BLOCKER = Path(__file__).parent / "absent"
"""First on the path of a program, it keeps `LAPTOP_CLOUD_ABSENT` from being imported."""
_REQUIREMENTS = ("requirements.lock", "requirements.txt")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def find_absent(image: ContainerImage) -> frozenset[str]:
    """Names of modules that are installed here, and would not be in an image; none where nothing says what is in it.

    Args:
        image: with its requirements beside its programs, as `requirements.lock` or `requirements.txt`.
    """
    for name in _REQUIREMENTS:
        path = image.programs / name
        if path.is_file():
            return _find_absent(path.read_text(encoding="utf-8"), (image.source / "src", image.source, image.programs))
    return frozenset()


@lru_cache(maxsize=8)  # reading what is installed takes longer than starting a program
def _find_absent(requirements: str, own: tuple[Path, ...]) -> frozenset[str]:
    named = {_normalise(found[0]) for line in requirements.splitlines() if (found := _NAME.match(line))}
    present = _close(named)
    return frozenset(
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if module.isidentifier()
        and module not in sys.stdlib_module_names
        and not any(_normalise(one) in present for one in distributions)
        # What an image brings itself, it has.
        and not any((folder / module).exists() or (folder / f"{module}.py").exists() for folder in own)
    )


def _close(names: set[str]) -> set[str]:
    """Distributions, and those that they need, whatever the conditions: too many are better than too few."""
    found: set[str] = set()
    ahead = [*names]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = importlib.metadata.distribution(name).requires or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        # An extra is there only where somebody asked for it; a lock names what it brought.
        ahead += [_normalise(match[0]) for one in needed if "extra ==" not in one and (match := _NAME.match(one))]
    return found


def _normalise(name: str) -> str:
    """The one spelling of a name: https://packaging.python.org/en/latest/specifications/name-normalization ."""
    return re.sub(r"[-_.]+", "-", name).lower()
