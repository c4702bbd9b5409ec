"""Errors as problem documents (RFC 9457), each naming the field at fault and what would be right."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

CONTENT_TYPE = "application/problem+json"


class FieldFault(BaseModel):
    """One field of a request and what is wrong with it."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="path to the field, with dots; `body` for the request as a whole")
    message: str


class Problem(BaseModel):
    """A problem document. `type` stays `about:blank`: the status says what kind it is, the detail what to do."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[FieldFault, ...] = ()

    @classmethod
    def of(cls, status: int, detail: str, *, errors: Sequence[FieldFault] = ()) -> Self:
        """A problem with the status's own title."""
        return cls(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=tuple(errors))

    @classmethod
    def of_field(cls, field: str, message: str) -> Self:
        """A 422 about one field."""
        return cls.of(422, f"{field}: {message}", errors=[FieldFault(field=field, message=message)])


class ProblemError(NoribaError):
    """A request that cannot be answered; carries what the app is told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


MOST_FAULTS = 20
"""As many as a person reads; a request can hold a hundred thousand, and an answer no more than Lambda lets pass."""
_LONGEST_FIELD = 100


def list_faults(error: ValidationError) -> list[FieldFault]:
    """The first fields at fault, by their paths. The values themselves are not repeated: they may be a rider's."""
    return [
        FieldFault(field=_name_field(fault["loc"]), message=fault["msg"].removeprefix("Value error, "))
        for fault in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_FAULTS]
    ]


def describe_faults(faults: Sequence[FieldFault], *, of: int) -> str:
    """Faults in one sentence, and how many more there are."""
    told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return told if of == len(faults) else f"{told}; and {of - len(faults)} more"


def _name_field(path: Sequence[int | str]) -> str:
    name = ".".join(str(part) for part in path) or "body"
    return name if len(name) <= _LONGEST_FIELD else f"{name[:_LONGEST_FIELD]}…"
