"""What training, processing and transform jobs have in common: one thread a job, states, stopping, waiting."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from botocore import xform_name
from botocore.exceptions import ClientError

from laptop_cloud.sagemaker.errors import JobFailedError, ValidationError
from laptop_cloud.sagemaker.images import UnknownImageError
from laptop_cloud.sagemaker.programs import ProgramRun

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.host import Root
    from laptop_cloud.sagemaker.images import ContainerImage
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.records import Kind
    from laptop_cloud.sagemaker.scopes import Scope

_log = logging.getLogger(__name__)

TEXT_LIMIT = 1024
"""Characters of a failure reason or exit message that SageMaker keeps."""


@dataclass(frozen=True)
class Job:
    """A job that runs, or ran since the cloud was started.

    Args:
        scope: whose it is.
        name: of the job.
        record: moto's.
        spec: the request.
    """

    scope: Scope
    name: str
    record: Any
    spec: dict[str, Any]
    program: ProgramRun = field(default_factory=ProgramRun)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Jobs(ABC):
    """The jobs of one kind, and the API operations on them."""

    kind: ClassVar[Kind]
    """Of the records."""
    order: ClassVar[str] = "Ascending"
    """How their list is sorted unless a request says otherwise."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._jobs: dict[tuple[Scope, str], Job] = {}

    # --- operations ---

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Accept a job and run it on a thread of its own."""
        spec = self._complete(params)
        record = self._platform.records(scope).create(self.kind, spec, **self._first_state())
        job = Job(scope, spec[self.kind.name_member], record, spec)
        self._jobs[scope, job.name] = job
        self._tell(job)
        threading.Thread(target=self._live, args=(job,), name=f"{self.kind.arn_type}-{job.name}", daemon=True).start()
        return {self.kind.arn_member: record.arn}

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All that is known of a job."""
        return self._platform.records(scope).describe_named(self.kind, params[self.kind.name_member])

    def list_jobs(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The jobs of an account and region."""
        return self._platform.records(scope).list_page(
            self.kind, f"{self.kind.prefix}Summaries", params, order=self.order
        )

    def stop(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to stop a job; stopping one that is being stopped is no error."""
        name = params[self.kind.name_member]
        self.describe(scope, params)
        job = self._jobs[scope, name]
        with job.lock:
            status = self._status(job)
            if status == "InProgress":
                self._enter_stopping(job)
                threading.Thread(target=self._interrupt, args=(job,), name=f"stop-{name}", daemon=True).start()
            elif status != "Stopping":
                raise ValidationError(f"The request was rejected because the {self._noun} is in status {status}.")
        return {}

    def wait(self, scope: Scope, name: str) -> dict[str, Any]:
        """Wait for the end of a job, and describe it."""
        self._jobs[scope, name].ended.wait()
        return self.describe(scope, {self.kind.name_member: name})

    def unfinished(self) -> list[str]:
        """The names of the jobs that have not ended."""
        return [job.name for job in [*self._jobs.values()] if not job.ended.is_set()]

    # --- what the kinds differ in ---

    @abstractmethod
    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        """The request with its defaults; raises `ApiError` for one that cannot be run."""

    @abstractmethod
    def _first_state(self) -> dict[str, Any]:
        """The live attributes of a new record."""

    @abstractmethod
    def _enter_stopping(self, job: Job) -> None:
        """Record that a stop was asked for."""

    def _interrupt(self, job: Job) -> None:
        """End what runs for a job."""
        job.program.stop()

    @abstractmethod
    def _work(self, job: Job, root: Root) -> None:
        """Run a job to a good end; raises `JobFailedError`."""

    @abstractmethod
    def _fail(self, job: Job, reason: str) -> None:
        """Record that a job failed."""

    @abstractmethod
    def _tell(self, job: Job) -> None:
        """Send the event of the job's present state."""

    # --- one job ---

    def _live(self, job: Job) -> None:
        try:
            root = self._platform.host.make_root(self.kind.arn_type.removesuffix("-job"), job.name)
            self._work(job, root)
            # What a failed job leaves stays, to be looked at.
            root.remove()
        except JobFailedError as error:
            self._fail(job, str(error)[:TEXT_LIMIT])
        except ClientError as error:
            self._fail(job, f"ClientError: Artifact upload failed: {error}"[:TEXT_LIMIT])
        except Exception:  # noqa: BLE001 -- a fault of the laptop cloud's own; the job must end all the same
            _log.exception("%s %s of account %s", self._noun, job.name, job.scope.account)
            self._fail(job, "InternalServerError: We encountered an internal error. Please try again.")
        finally:
            job.ended.set()

    def _change(self, job: Job, **live: Any) -> None:
        self._platform.records(job.scope).change(job.record, **live)
        self._tell(job)

    def _describe(self, job: Job) -> dict[str, Any]:
        return self._platform.records(job.scope).describe(self.kind, job.record)

    def _image(self, uri: str) -> ContainerImage:
        try:
            return self._platform.images.find(uri)
        except UnknownImageError as error:
            raise JobFailedError(f"ClientError: Cannot find image {uri}: {error}") from error

    def _status(self, job: Job) -> str:
        status: str = self._describe(job)[f"{self.kind.prefix}Status"]
        return status

    @property
    def _noun(self) -> str:
        return xform_name(self.kind.prefix, " ")


def algorithm_error(message: str, exit_code: int) -> JobFailedError:
    """The failure of a program that ended with an exit code other than 0, as SageMaker words it."""
    return JobFailedError(f"AlgorithmError: {message}, exit code: {exit_code}")
