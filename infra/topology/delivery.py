"""How changes reach the accounts, as data: from which repository, through which environments, told to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.topology.fields import Branch, ConnectionArn, Email, Repository  # pydantic reads them

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(_Entry):
    """One environment: a loop of its own, in an account of its own, by a file of settings of its own."""

    account: str
    settings: str | None = Field(default=None, description="relative to the checkout; the defaults when left out")


class GitHub(_Entry):
    """What GitHub's tokens say of the repository besides its name, and where they are believed already.

    https://docs.github.com/en/actions/reference/security/oidc
    """

    owner_id: int | None = Field(default=None, gt=0)
    repository_id: int | None = Field(default=None, gt=0)
    provider_in: tuple[str, ...] = Field(default=(), description="accounts that have the provider of tokens already")

    @model_validator(mode="after")
    def _see_both_ids(self) -> Self:
        if (self.owner_id is None) != (self.repository_id is None):
            raise ValueError("owner_id and repository_id go together; write both or neither")
        return self


class Delivery(_Entry):
    """One repository, one account for the pipeline and its images, three environments in their order."""

    account: str
    repository: Repository
    branch: Branch = "main"
    connection: ConnectionArn | None = Field(default=None, description="what the pipeline fetches the repository by")
    approvers: tuple[Email, ...] = Field(min_length=1, description="told that a change waits for production")
    development: Target
    staging: Target
    production: Target
    github: GitHub = GitHub()

    @model_validator(mode="after")
    def _keep_environments_apart(self) -> Self:
        owners: dict[str, str] = {}
        for name, target in self.targets.items():
            if target.account in owners:
                raise ValueError(
                    f"{owners[target.account]} and {name} are both in {target.account}, where the second would find "
                    "its names taken; give each an account of its own"
                )
            owners[target.account] = name
        return self

    @property
    def targets(self) -> dict[str, Target]:
        """The environments, in the order in which a change reaches them."""
        return {"development": self.development, "staging": self.staging, "production": self.production}

    def name_accounts(self) -> Iterator[tuple[str, str]]:
        """Entry and name of every account that is named."""
        yield "delivery.account", self.account
        for name, target in self.targets.items():
            yield f"delivery.{name}.account", target.account
        for name in self.github.provider_in:
            yield "delivery.github.provider_in", name
