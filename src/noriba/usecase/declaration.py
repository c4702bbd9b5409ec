"""A use case, whole: what a data scientist declares in one folder under `usecases/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from noriba.features.columns import row_count
from noriba.usecase.checks import check_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noriba.features import Column, Columns, FeatureSet
    from noriba.usecase.data import DataSpec
    from noriba.usecase.live import LiveSpec
    from noriba.usecase.meanings import Meaning
    from noriba.usecase.metrics import BusinessMetric
    from noriba.usecase.model import ModelSpec
    from noriba.usecase.policies import Policies
    from noriba.usecase.requests import PredictionRequest


@dataclass(frozen=True)
class AnswerSpec:
    """How an answer is written. Units stand in the names too: `eta_s`.

    Attributes:
        value: the field with the median.
        low: the field with the interval's lower end.
        high: the field with its upper end.
        unit: of all three, for people: `s`, `kWh`.
        decimals: how many an app is given; as many as anybody can use.
    """

    value: str
    low: str
    high: str
    unit: str
    decimals: int


@dataclass(frozen=True)
class UseCase:
    """A use case; a mistake in it is told where it is declared.

    Beside the module that declares it as `USE_CASE` stand `sources` (see `noriba.datasets.sources`), and, where data
    can be made up, `simulator` (see `noriba.usecase.simulators`).

    Attributes:
        name: lower-case words with underscores; also the folder, the path in the API and the first part of S3 keys.
        title: for people.
        request: what an app sends.
        features: the columns a model reads.
        data: the rows it is trained on.
        model: what it learns besides.
        answer: how it is told.
        policies: numbers.
        golden_requests: requests that any model must answer sensibly before it may serve, as an app would send them.
        metrics: what apps may report of a prediction besides its outcome; experiments compare by them.
        meanings: features, or encoders, in words, where their names are none that people would use; those of features
            that models in production still read may outlive their declaration.
        live: inputs that no request brings: means of what has been observed of late; None where there are none.

    Raises:
        UseCaseError: something in it does not fit; the message names it and the remedy.
    """

    name: str
    title: str
    request: type[PredictionRequest]
    features: FeatureSet
    data: DataSpec
    model: ModelSpec
    answer: AnswerSpec
    policies: Policies
    golden_requests: Sequence[Mapping[str, object]]
    metrics: Sequence[BusinessMetric] = ()
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    live: LiveSpec | None = None

    def __post_init__(self) -> None:
        check_use_case(self)

    def complete(self, columns: Columns) -> dict[str, Column]:
        """Input columns of requests or rows, with live ones that are not known where they bring none."""
        completed = dict(columns)
        if self.live is not None:
            rows = row_count(columns)
            for name in self.live.names:
                if name not in completed:
                    completed[name] = np.full(rows, np.nan)
        return completed

    @property
    def resource_name(self) -> str:
        """The name where AWS allows hyphens only: `taxi-eta`."""
        return to_resource_name(self.name)


def to_resource_name(use_case: str) -> str:
    """A use case's name with hyphens, for SageMaker resources."""
    return use_case.replace("_", "-")
