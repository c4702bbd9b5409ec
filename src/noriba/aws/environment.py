"""A function's environment, read once and checked."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from noriba.aws.prompt import PromptClients

if TYPE_CHECKING:
    from collections.abc import Callable

    from noriba.aws.clients import Clients

S = TypeVar("S", bound="Environment")


class Environment(BaseModel):
    """Base of a function's settings: field `raw_bucket` is the variable RAW_BUCKET."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper)

    @classmethod
    def read(cls) -> Self:
        """The settings.

        Raises:
            pydantic.ValidationError: a variable is missing; the message names it.
        """
        return cls.model_validate(dict(os.environ))


def dependency_loader(settings: type[S], *, prompt: bool = False) -> Callable[[], tuple[S, Clients]]:
    """What gives a function its dependencies: its settings and clients, the same ones for the life of the function.

    `prompt` is for functions that an app waits for.
    """
    return lru_cache(lambda: (settings.read(), _connect(prompt=prompt)))


def _connect(*, prompt: bool) -> Clients:
    if prompt:
        # Whatever it has not of its own is boto3's, by the same names.
        return cast("Clients", PromptClients())
    # Only now: it loads boto3, for which an app would wait.
    from noriba.aws.clients import Clients  # noqa: PLC0415

    return Clients()
