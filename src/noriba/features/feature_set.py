"""A feature set: ordered pure functions, checked and put in dependency order once."""

from __future__ import annotations

import graphlib
import inspect
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from noriba.errors import FeatureDefinitionError, FeatureMismatchError
from noriba.features.columns import Column, Columns, as_column, is_column, row_count
from noriba.features.definition import hash_definition, hash_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def fingerprint_identities(identities: Iterable[str]) -> str:
    """One hash over identities in order: what a model reads, in twelve characters."""
    return hash_text("\n".join(identities))


@dataclass(frozen=True)
class Feature:
    """One feature: the function that makes the column, the columns it reads, and its identity."""

    name: str
    inputs: tuple[str, ...]
    function: Callable[..., Any]
    definition_hash: str

    @property
    def identity(self) -> str:
        """`name@hash`: the same for the same definition wherever it runs, another as soon as the definition changes."""
        return f"{self.name}@{self.definition_hash}"


class FeatureSet:
    """Ordered features over declared input columns.

    Args:
        functions: the features, in the order in which a model sees their columns.
        inputs: the columns that a request or a trip brings, in any order.

    Raises:
        FeatureDefinitionError: two features of one name, a feature named like an input, an argument that is neither
            an input nor a feature, features that need each other, or a definition that cannot be hashed.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]], *, inputs: Iterable[str]) -> None:
        self.inputs = tuple(inputs)
        by_name = _by_name(functions, self.inputs)
        arguments = {name: _arguments(function) for name, function in by_name.items()}
        self._order = tuple(name for name in _dependency_order(arguments, self.inputs) if name in by_name)
        hashes: dict[str, str] = {}
        for name in self._order:
            upstream = [hashes[argument] for argument in arguments[name] if argument in hashes]
            hashes[name] = hash_definition(by_name[name], upstream=upstream)
        self.features = tuple(Feature(name, arguments[name], by_name[name], hashes[name]) for name in by_name)
        self._by_name = {feature.name: feature for feature in self.features}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that `compute` adds, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def identities(self) -> tuple[str, ...]:
        """`name@hash` of each feature, in order."""
        return tuple(feature.identity for feature in self.features)

    @property
    def fingerprint(self) -> str:
        """One hash over all identities in order; it travels with the model."""
        return fingerprint_identities(self.identities)

    def compute(self, columns: Columns) -> dict[str, Column]:
        """The feature columns of a table.

        Args:
            columns: at least the declared inputs, float64, all of one length n ≥ 1. Further columns are ignored.

        Returns:
            One float64 column of length n for each feature, in order. Row i depends on row i alone, bit for bit.

        Raises:
            FeatureMismatchError: an input is missing.
            FeatureDefinitionError: a feature returned something that is not one value per row.
        """
        if missing := [name for name in self.inputs if name not in columns]:
            raise FeatureMismatchError(f"missing input column {', '.join(missing)}; needed: {', '.join(self.inputs)}")
        known = {name: as_column(columns[name]) for name in self.inputs}
        self._compute(self._order, known, row_count(known))
        return {name: known[name] for name in self.names}

    def recompute(self, computed: Columns, columns: Columns, *, changed: Iterable[str]) -> dict[str, Column]:
        """What `compute` would give after some inputs have changed; features that read none of these stay as they are.

        Args:
            computed: what it gave before.
            columns: the inputs as they are now.
            changed: names of those that are others.
        """
        affected = self.find_affected(*changed)
        known = {**columns, **computed}
        self._compute(affected, known, row_count(computed))
        return {name: known[name] for name in self.names}

    @lru_cache  # noqa: B019  # there are as many sets as use cases, and they stay
    def find_affected(self, *inputs: str) -> tuple[str, ...]:
        """The features that read any of these inputs, themselves or through others, in the order of computing."""
        touched = set(inputs)
        for name in self._order:
            if not touched.isdisjoint(self._by_name[name].inputs):
                touched.add(name)
        return tuple(name for name in self._order if name in touched)

    def _compute(self, order: Iterable[str], known: dict[str, Column], rows: int) -> None:
        # Unknown values travel as NaN through every formula; that is no reason for a warning.
        with np.errstate(all="ignore"):
            for name in order:
                feature = self._by_name[name]
                made = feature.function(*[known[argument] for argument in feature.inputs])
                if is_column(made) and len(made) == rows:
                    known[name] = made
                    continue
                if (shape := np.shape(made)) != (rows,):
                    raise FeatureDefinitionError(f"{name} returned shape {shape} for {rows} rows")
                known[name] = as_column(made)

    def compute_identified(self, columns: Columns) -> dict[str, Column]:
        """`compute`, each column under its feature's identity: what a model is asked with."""
        return self.identify(self.compute(columns))

    def identify(self, computed: Columns) -> dict[str, Column]:
        """Columns that `compute` made, each under its feature's identity."""
        return {feature.identity: computed[feature.name] for feature in self.features}


def _by_name(functions: Iterable[Callable[..., Any]], inputs: Sequence[str]) -> dict[str, Callable[..., Any]]:
    if repeated := sorted({name for name in inputs if inputs.count(name) > 1}):
        raise FeatureDefinitionError(f"input {', '.join(repeated)} is declared more than once")
    by_name: dict[str, Callable[..., Any]] = {}
    for function in functions:
        if not isinstance(function, FunctionType):
            raise FeatureDefinitionError(f"{function!r} is not a plain function; a feature is defined with `def`")
        name = function.__name__
        if name in by_name:
            raise FeatureDefinitionError(f"two features are named {name}; a feature's name is its column, rename one")
        if name in inputs:
            raise FeatureDefinitionError(f"feature {name} has the name of an input; rename one")
        by_name[name] = function
    if not by_name:
        raise FeatureDefinitionError("a feature set needs at least one feature")
    return by_name


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    if variadic := [p.name for p in parameters if p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]:
        raise FeatureDefinitionError(f"{function.__name__} takes *{variadic[0]}; name each column it reads")
    return tuple(parameter.name for parameter in parameters)


def _dependency_order(arguments: dict[str, tuple[str, ...]], inputs: Sequence[str]) -> Iterable[str]:
    for name, needed in arguments.items():
        if unknown := [argument for argument in needed if argument not in arguments and argument not in inputs]:
            raise FeatureDefinitionError(
                f"{name} needs {', '.join(unknown)}, which is neither an input ({', '.join(inputs)}) nor a feature"
            )
    try:
        return tuple(graphlib.TopologicalSorter(arguments).static_order())
    except graphlib.CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise FeatureDefinitionError(f"features need each other in a circle: {circle}") from error
