"""A training job's hyper-parameters: SageMaker passes strings, the use case's policy gives the defaults."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator

from noriba.errors import NoribaError
from noriba.usecase import TrainingPolicy, load_use_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.usecase import UseCase


class HyperparameterError(NoribaError):
    """A hyper-parameter that is unknown or out of range."""


class Hyperparameters(TrainingPolicy):
    """What a job was asked to do: every field of the policy, and how many threads may work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(
        default_factory=lambda: os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count() or 1,
        gt=0,
    )

    @field_validator("quantiles")
    @classmethod
    def _check_quantiles(cls, quantiles: tuple[float, float, float]) -> tuple[float, float, float]:
        low, middle, high = quantiles
        if not 0.0 < low < middle < high < 1.0:
            raise ValueError("three growing numbers between 0 and 1 are needed, such as 0.1,0.5,0.9")
        return quantiles

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> tuple[UseCase, Self]:
        """The use case and its settings.

        Args:
            given: SageMaker's hyper-parameters: `use_case`, and any field of `TrainingPolicy` as a string; quantiles
                are separated by commas, windows are a list in JSON: `[{"kind": "last_days", "days": 60}]`.

        Raises:
            HyperparameterError: one is missing, unknown or out of range; the message names it.
            UnknownUseCaseError: no such use case.
        """
        rest = dict(given)
        try:
            use_case = load_use_case(rest.pop("use_case"))
        except KeyError:
            raise HyperparameterError("hyper-parameter use_case is missing") from None
        values: dict[str, object] = {**use_case.policies.training.model_dump(), **rest}
        if isinstance(quantiles := values["quantiles"], str):
            values["quantiles"] = tuple(quantiles.split(","))
        try:
            if isinstance(windows := values["windows"], str):
                values["windows"] = json.loads(windows)
            return use_case, cls.model_validate(values)
        except json.JSONDecodeError as error:
            raise HyperparameterError(f"bad hyper-parameters: windows: {error}; write a list in JSON") from error
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise HyperparameterError(f"bad hyper-parameters: {faults}") from error
