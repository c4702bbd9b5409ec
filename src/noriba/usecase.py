"""What a data scientist declares: one `UseCase`, in one folder under `usecases/`.

The rest of Noriba knows a use case only through this module. A use case named `taxi_eta` is the package
`usecases.taxi_eta`, which declares `USE_CASE`; nothing else has to be registered.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from noriba.errors import UnknownUseCaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from noriba.features import Column, Columns, FeatureSet

_PACKAGE = "usecases"
# SageMaker takes names of 63 characters, and puts prefix, version, attempt and kind of job around this one.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,22}[a-z0-9]")
_LONGEST_TOLD = 64

Mask: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
Labels: TypeAlias = np.ndarray[tuple[int], np.dtype[np.str_]]


class PredictionRequest(BaseModel):
    """Base of a use case's request: what an app sends, strictly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def to_columns(self) -> dict[str, Column]:
        """The request as input columns, one row a candidate."""

    @abstractmethod
    def candidate_ids(self) -> Sequence[str | None]:
        """The app's own name of each candidate, in row order; None where it gave none."""


@dataclass(frozen=True)
class Rule:
    """A quality rule on one row of training data.

    Attributes:
        name: short name, counted in reports: `ends_before_it_begins`.
        remedy: what was wrong and what to do, for the person who repairs the row.
        broken_by: the rows that break the rule, from the input columns and the label. NaN must break it on purpose.
    """

    name: str
    remedy: str
    broken_by: Callable[[Columns], Mask]


@dataclass(frozen=True)
class AnswerFields:
    """The names under which an answer gives the median and the interval; units stand in the name."""

    value: str
    low: str
    high: str


@dataclass(frozen=True)
class EncoderSpec:
    """A fitted encoder: the typical label for a group of past rows, learned in training and shipped with the model.

    What it learns is the mean logarithm of the pace; the column it adds is that mean times the row's own length, in
    the logarithm of the label.

    Attributes:
        name: the column it adds.
        keys: the feature columns whose values make a group.
        prior_rows: weight of the parent's value, in rows: a group of so many rows is believed halfway.
        parent: the coarser encoder that a small or unseen group falls back to; None falls back to the overall value.
    """

    name: str
    keys: tuple[str, ...]
    prior_rows: float
    parent: str | None = None


@dataclass(frozen=True)
class PaceSpec:
    """How a label becomes a pace, which groups of rows share more than they share the label itself.

    The pace is label / (length + offset); encoders learn its logarithm, and the naive baseline its median.

    Attributes:
        length: the feature that measures how much there is to do.
        offset: in the length's unit; what a row costs before it begins (finding the street, waiting at a light).
    """

    length: str
    offset: float


class RetrainingPolicy(BaseModel):
    """When new data are worth a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: int = Field(gt=0, description="fewer kept rows than this never train")
    min_new_rows_share: float = Field(ge=0, description="new rows over the rows last trained on")
    cooldown_s: float = Field(ge=0, description="seconds between the starts of two training runs")
    max_per_day: int = Field(gt=0, description="training runs begun within 24 hours, those asked for by hand too")
    lock_s: float = Field(gt=0, description="seconds after which a training run is taken for dead")


class GatePolicy(BaseModel):
    """What a candidate must show before it is offered to an approver."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_mae_to_baseline: float = Field(gt=0, description="MAE over the naive baseline's, on the same hold-out")
    max_mae_to_champion: float = Field(gt=0, description="MAE over the champion's, on the same hold-out")
    max_coverage_error: float = Field(gt=0, le=1, description="|coverage − claim| on the hold-out")
    max_slice_mae_to_champion: float = Field(gt=0, description="the same ratio in the worst slice")
    min_slice_rows: int = Field(gt=0, description="smaller slices are reported, not judged")
    max_latency_ms: float = Field(gt=0, description="95th percentile of one single-row answer inside the container")


class TrainingPolicy(BaseModel):
    """How rows are split, and the model's shape; every number may be overridden by a hyper-parameter of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibration_share: float = Field(gt=0, lt=0.5)
    holdout_share: float = Field(gt=0, lt=0.5)
    quantiles: tuple[float, float, float] = (0.1, 0.5, 0.9)
    trees: int = Field(gt=0)
    leaves: int = Field(gt=1)
    min_leaf_rows: int = Field(gt=0)
    learning_rate: float = Field(gt=0, le=1)
    seed: int = 20_260_101


@dataclass(frozen=True)
class UseCase:
    """A use case, whole.

    Attributes:
        name: lower-case words with underscores; also the folder, the path in the API and the first part of S3 keys.
        title: for people.
        request: what an app sends.
        features: the columns a model reads.
        event_time: the input column, in seconds since 1970 UTC, by which rows are ordered and split.
        label: the column to predict; it is positive.
        answer: how an answer is named.
        rules: quality rules for training rows, in the order in which reasons are given.
        slices: named ways to divide the traffic; each gives a label per row from inputs and features.
        encoders: fitted encoders, parents before children.
        pace: how a label is made comparable between rows of different length.
        baseline_keys: feature columns; the naive baseline is the median pace within them.
        sources: module that reads raw files, loaded only where files are read.
        simulator: module that makes data up, loaded only where that is asked for.
        golden_requests: requests that any model must answer sensibly before it may serve.
    """

    name: str
    title: str
    request: type[PredictionRequest]
    features: FeatureSet
    event_time: str
    label: str
    answer: AnswerFields
    rules: Sequence[Rule]
    slices: Mapping[str, Callable[[Columns], Labels]]
    pace: PaceSpec
    encoders: Sequence[EncoderSpec]
    baseline_keys: tuple[str, ...]
    sources: str
    simulator: str
    golden_requests: Sequence[Mapping[str, object]]
    training: TrainingPolicy
    gates: GatePolicy
    retraining: RetrainingPolicy

    @property
    def resource_name(self) -> str:
        """The name where AWS allows hyphens only: `taxi-eta`."""
        return to_resource_name(self.name)


def to_resource_name(use_case: str) -> str:
    """A use case's name with hyphens, for SageMaker resources."""
    return use_case.replace("_", "-")


@lru_cache
def load_use_case(name: str) -> UseCase:
    """The use case of that name.

    Raises:
        UnknownUseCaseError: no such use case; the message names those there are.
    """
    if not _NAME.fullmatch(name) or name not in list_use_cases():
        known = ", ".join(list_use_cases()) or "none"
        raise UnknownUseCaseError(f"no use case {_shorten(name)!r}; installed: {known}")
    declared: UseCase = importlib.import_module(f"{_PACKAGE}.{name}").USE_CASE
    return declared


def _shorten(name: str) -> str:
    """A name that anybody may have sent, no longer than it takes to know it again."""
    return name if len(name) <= _LONGEST_TOLD else f"{name[:_LONGEST_TOLD]}…"


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
