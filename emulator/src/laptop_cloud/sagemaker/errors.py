"""The errors that SageMaker's API answers, under the codes that its clients know."""

from __future__ import annotations


class ApiError(Exception):
    """An error answer of the SageMaker API.

    Args:
        code: the error code that clients match on.
        message: what was wrong.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ValidationError(ApiError):
    """A request that SageMaker refuses: malformed, or about something that is not there."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class ResourceInUseError(ApiError):
    """A name that is taken already."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceInUse", message)


class ConflictError(ApiError):
    """A change that contradicts what is there."""

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


class UnsupportedError(ApiError):
    """Something that SageMaker has and the laptop cloud has not; it is refused, never pretended."""

    def __init__(self, message: str) -> None:
        super().__init__("UnsupportedOperation", message)


class JobFailedError(Exception):
    """Why a job or a server could not run, in the words of SageMaker's `FailureReason`."""
