"""What may differ from one deployment to another: CDK context, checked once.

cdk deploy --all -c operator_email=ops@example.com -c production_instances=2
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from constructs import Node

LogRetention: TypeAlias = Literal["ONE_WEEK", "ONE_MONTH", "THREE_MONTHS", "SIX_MONTHS", "ONE_YEAR", "TEN_YEARS"]
ApiLogs: TypeAlias = Literal["none", "account_role", "new_role"]


class Settings(BaseModel):
    """Settings of a deployment; every one has a default that suits a first try in an account of one's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(
        default="noriba", pattern=r"^[a-z][a-z0-9-]{1,19}$", description="first part of the few fixed names"
    )
    approver_email: str | None = Field(default=None, description="told of every candidate")
    operator_email: str | None = Field(default=None, description="told of every alarm")
    keep_data: bool = Field(default=False, description="keep buckets and tables when the stacks are destroyed")
    log_retention: LogRetention = "THREE_MONTHS"
    access_log_days: int = Field(default=90, gt=0)
    archive_days: int = Field(default=90, gt=0)
    transform_memory_mb: int = Field(
        default=1769,
        ge=1024,
        le=10240,
        description=(
            "memory of the function that reads a chunk, and with it processor: 1769 MB are one core, 3538 two. New "
            "accounts may have 3008 at most until AWS raises their quota, by usage or on request"
        ),
    )
    chunks_at_once: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="chunks of one file that are read at once; new accounts may have 10 functions running in all",
    )
    training_instance: str = "ml.m5.xlarge"
    training_hours: int = Field(default=2, gt=0, le=24)
    staging_instance: str = "ml.m5.large"
    production_instance: str = "ml.m5.large"
    production_instances: int = Field(default=1, gt=0)
    api_logs: ApiLogs = Field(
        default="none",
        description=(
            "whether API Gateway logs: none; by the account_role that the account has set; or by a new_role, which "
            "takes the place of the account's for all its APIs"
        ),
    )
    api_requests_per_s: float = Field(default=50, gt=0)
    api_burst: int = Field(default=100, gt=0)

    @classmethod
    def from_context(cls, node: Node) -> Self:
        """The settings that the context overrides; `-c` gives strings, cdk.json JSON values."""
        given = {name: node.try_get_context(name) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in given.items() if value is not None})
