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
    # By whoever asks for it, as the function starts: it loads boto3.
    from noriba.aws.clients import Clients  # noqa: PLC0415

    return lru_cache(lambda: (settings.read(), Clients(prompt=prompt)))


def light_dependency_loader(settings: type[S]) -> Callable[[], tuple[S, Clients]]:
    """The same for a function that answers before boto3 would be loaded; see `noriba.aws.prompt`."""
    # Whatever these clients have not of their own is boto3's, by the same names.
    return lru_cache(lambda: (settings.read(), cast("Clients", PromptClients())))
