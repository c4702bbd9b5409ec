"""Where SageMaker puts things in a container.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class JobTree:
    """The folders of a job or a server."""

    base: Path

    @classmethod
    def from_environment(cls) -> JobTree:
        """`/opt/ml`, unless SAGEMAKER_BASE_DIR (SageMaker's own toolkits read it) says otherwise."""
        return cls(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    @property
    def model(self) -> Path:
        """Training writes the bundle here; a server finds it here."""
        return self.base / "model"

    def hyperparameters(self) -> dict[str, str]:
        """What the job was asked; every value is a string."""
        given: dict[str, str] = json.loads((self.base / "input/config/hyperparameters.json").read_bytes())
        return given

    def channel(self, name: str) -> Path:
        """A training job's input channel."""
        return self.base / "input/data" / name

    def processing_input(self, name: str) -> Path:
        """A processing job's input."""
        return self.base / "processing/input" / name

    def processing_output(self, name: str) -> Path:
        """A processing job's output."""
        return self.base / "processing/output" / name

    @contextmanager
    def reporting_failure(self, file_name: str) -> Iterator[None]:
        """Leave the reason of a failure where SageMaker looks for it, and exit with 1.

        A mistake of the caller's is one line; anything else leaves its traceback in the log too.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it was, SageMaker must be told
            if not isinstance(error, NoribaError):
                traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
            print(reason, file=sys.stderr, flush=True)
            failure = self.base / "output" / file_name
            failure.parent.mkdir(parents=True, exist_ok=True)
            failure.write_text(reason, encoding="utf-8")
            sys.exit(1)


def exit_on_sigterm() -> None:
    """End at once on SIGTERM, which is how SageMaker asks a job to stop.

    A container's first process ignores a signal that it does not handle, and would be killed only two minutes later:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTrainingJob.html
    Half a model is of no use, so there is nothing to save.
    """
    signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))


def report_metrics(metrics: dict[str, float | int | None], report: Callable[[str], None]) -> None:
    """One line a metric, as the job's metric definitions read them: `metric mae=211.66;`."""
    for name, value in metrics.items():
        if value is not None:
            report(f"metric {name}={value:.6g};")


def say(line: str) -> None:
    """Tell the job's log at once."""
    print(line, flush=True)
