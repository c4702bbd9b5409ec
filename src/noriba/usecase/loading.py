"""Use cases by name: one named `taxi_eta` is the package `usecases.taxi_eta`; nothing else has to be registered."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from noriba.errors import UnknownUseCaseError, UseCaseError
from noriba.usecase.checks import NAME
from noriba.usecase.declaration import UseCase

if TYPE_CHECKING:
    from types import ModuleType

    from noriba.usecase.simulators import Observer, Simulator

_PACKAGE = "usecases"
_LONGEST_TOLD = 64


@lru_cache
def load_use_case(name: str) -> UseCase:
    """The use case of that name.

    Raises:
        UnknownUseCaseError: no such use case; the message names those there are.
        UseCaseError: it is there, and not as it must be; the message says what to do.
    """
    if not NAME.fullmatch(name) or name not in list_use_cases():
        known = ", ".join(list_use_cases()) or "none"
        raise UnknownUseCaseError(f"no use case {_shorten(name)!r}; installed: {known}")
    declared = getattr(_load_module(name, ""), "USE_CASE", None)
    if not isinstance(declared, UseCase):
        raise UseCaseError(
            f"{_PACKAGE}/{name}/__init__.py declares no USE_CASE = UseCase(...); see docs/add-a-use-case.md"
        )
    if declared.name != name:
        raise UseCaseError(f"{_PACKAGE}/{name} declares the use case {declared.name!r}; folder and name must be one")
    return declared


def load_simulator(name: str) -> Simulator:
    """What makes data up for a use case.

    Raises:
        UseCaseError: it has none.
    """
    load_use_case(name)
    return cast("Simulator", _load_part(name, "simulator", without="give files of real rows instead"))


def load_observer(name: str) -> Observer:
    """What makes requests of a use case's recorded rows.

    Raises:
        UseCaseError: it has none.
    """
    load_use_case(name)
    remedy = "give it one with observe_rows (see noriba.usecase.simulators), to replay its rows"
    return cast("Observer", _load_part(name, "observer", without=remedy))


def load_source_module(name: str) -> ModuleType:
    """The module with a use case's `SOURCES`, loaded only where files are read.

    Raises:
        UseCaseError: it has none.
    """
    return _load_part(name, "sources", without="nothing says how its files are read")


@lru_cache
def list_use_cases() -> tuple[str, ...]:
    """The names of the installed use cases, sorted; none where only the library is installed."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return ()
    package = importlib.import_module(_PACKAGE)
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg))


def find_default_use_case() -> str | None:
    """The use case that is meant where none is named: the one that `usecases.DEFAULT` names, or the only one there is.

    None where that is not settled: whoever asks must then name one.
    """
    names = list_use_cases()
    if len(names) == 1:
        return names[0]
    declared = getattr(importlib.import_module(_PACKAGE), "DEFAULT", None) if names else None
    return declared if declared in names else None


def _load_part(name: str, part: str, *, without: str) -> ModuleType:
    if importlib.util.find_spec(f"{_PACKAGE}.{name}.{part}") is None:
        raise UseCaseError(f"{_PACKAGE}/{name} has no {part}.py; {without}")
    return _load_module(name, f".{part}")


def _load_module(name: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(f"{_PACKAGE}.{name}{module}")
    except (ImportError, SyntaxError, NameError, TypeError, AttributeError) as error:
        raise UseCaseError(f"{_PACKAGE}/{name} cannot be loaded: {type(error).__name__}: {error}") from error


def _shorten(name: str) -> str:
    """A name that anybody may have sent, no longer than it takes to know it again."""
    return name if len(name) <= _LONGEST_TOLD else f"{name[:_LONGEST_TOLD]}…"
