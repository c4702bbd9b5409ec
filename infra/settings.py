"""What may differ from one deployment to another: `noriba.toml`, and `-c name=value` over it; see `settings_file`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from noriba.records.rollout import RolloutStages  # pydantic reads it

LogRetention: TypeAlias = Literal["ONE_WEEK", "ONE_MONTH", "THREE_MONTHS", "SIX_MONTHS", "ONE_YEAR", "TEN_YEARS"]
ContainerEngine: TypeAlias = Literal["docker", "podman"]
Serving: TypeAlias = Literal["endpoint", "function"]
ApiLogs: TypeAlias = Literal["none", "account_role", "new_role"]

# Families by their names: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_ARM = re.compile(r"ml\.([a-z]+\d+g[a-z]*|p6e-gb\d+)\.")
_LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g[5-7]e?|p5(e|en)?|p6[a-z]*-[a-z0-9]+|trn\d[a-z]*|dl\d)\.")


def _refuse_arm(instance: str) -> str:
    if _ARM.match(instance):
        raise ValueError(
            f"{instance} has an ARM processor, and the model image is made for x86-64; take one of another family, "
            "such as ml.m5, ml.c6i or ml.m7i"
        )
    return instance


def _refuse_local_storage(instance: str) -> str:
    """What jobs and endpoints keep is encrypted with our key; where disks are local, SageMaker takes none and refuses.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-store-volumes.html
    """
    if _LOCAL_STORAGE.match(instance):
        raise ValueError(
            f"{instance} has disks of its own, which SageMaker does not encrypt with a key of ours; take one of a "
            "family without, such as ml.m5, ml.r5 or ml.m7i"
        )
    return instance


Instance: TypeAlias = Annotated[
    str,
    Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$"),
    AfterValidator(_refuse_arm),
    AfterValidator(_refuse_local_storage),
]

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
IMAGE = r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9]+([._/-][a-z0-9]+)*@sha256:[0-9a-f]{64}$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"


class Kept(BaseModel):
    """What an earlier deployment left behind, under its own names, to be used again instead of made anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_arn: str = Field(pattern="^arn:", description="the key that everything kept is encrypted with")
    raw_bucket: str
    datasets_bucket: str
    quarantine_bucket: str
    models_bucket: str
    outcomes_bucket: str
    captures_bucket: str
    observations_bucket: str
    ledger_table: str


class Settings(BaseModel):
    """Settings of a deployment; every one has a default that suits a first try in an account of one's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(
        default="noriba", pattern=r"^[a-z][a-z0-9-]{1,16}$", description="first part of the few fixed names"
    )
    approver_email: str | None = Field(default=None, pattern=EMAIL, description="told of every candidate")
    operator_email: str | None = Field(default=None, pattern=EMAIL, description="told of every alarm")
    approver_mfa: bool = Field(
        default=False,
        description=(
            "whether the approver's role asks for a second factor, which users of IAM show; who comes through IAM "
            "Identity Center shows it there, never to IAM, and would be shut out"
        ),
    )
    approver_permission_set: str = Field(
        default="",
        pattern=r"^[\w+=,.@-]{0,32}$",
        description=(
            "the permission set of IAM Identity Center that alone may take the approver's role; empty: whoever has a "
            "policy that lets them"
        ),
    )
    keep_data: bool = Field(default=False, description="keep buckets and tables when the stacks are destroyed")
    kept: Kept | None = Field(
        default=None, description="what `keep_data` kept: buckets, ledger, key and model package groups; see doctor"
    )
    log_retention: LogRetention = "THREE_MONTHS"
    access_log_days: int = Field(default=90, gt=0)
    noncurrent_days: int = Field(
        default=90, gt=0, description="how long versions of objects stay after they were overwritten or deleted"
    )
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
    container_engine: ContainerEngine = Field(
        default="docker",
        description="what builds the image. For podman, set CDK_DOCKER=podman and BUILDAH_FORMAT=docker besides",
    )
    model_image: Annotated[str, Field(pattern=IMAGE)] | None = Field(
        default=None,
        description=(
            "the image of training and serving where a registry has it already, by its digest: what was built and "
            "scanned elsewhere. Left out, it is built from this checkout"
        ),
    )
    training_instance: Instance = Field(
        default="ml.m5.xlarge", description="of training and evaluation: x86-64, and without disks of its own, as all"
    )
    training_hours: int = Field(default=2, gt=0, le=24)
    serving: Serving = Field(
        default="endpoint",
        description=(
            "where models answer. endpoint: on an endpoint of SageMaker's, instances that always run; function: in the "
            "function that apps ask, so that nothing runs while nobody asks: for few requests it costs less"
        ),
    )
    staging_instance: Instance = "ml.m5.large"
    production_instance: Instance = "ml.m5.large"
    production_instances: int = Field(default=1, gt=0)
    rollout: RolloutStages = Field(
        default="full",
        description=(
            "how an approved model takes over. full: a shadow first, which doubles the production instances as long as "
            "it lasts, then a growing share of the requests; canary: the share alone, so that nobody knows beforehand "
            "whether it is right; direct: at once, so that every request meets a worse model"
        ),
    )
    capture_percent: int = Field(
        default=100,
        ge=0,
        le=100,
        description="requests whose features and answers are kept in S3; 0 keeps none, and nothing can be compared",
    )
    trust_outcome_times: bool = Field(
        default=False,
        description=(
            "count outcomes by the time that they say, as a replay of recorded rides on a cloud without a clock needs; "
            "whoever holds a key can then make a day of a minute"
        ),
    )
    capture_days: int = Field(default=90, gt=0, description="how long they are kept; features hold places")
    query_gib: int = Field(
        default=10, gt=0, description="how much one query over observations may read; Athena charges by what is read"
    )
    api_logs: ApiLogs = Field(
        default="none",
        description=(
            "whether API Gateway logs: none; by the account_role that the account has set; or by a new_role, which "
            "takes the place of the account's for all its APIs"
        ),
    )
    api_requests_per_s: float = Field(default=50, gt=0)
    api_burst: int = Field(default=100, gt=0)

    @property
    def serves_in_functions(self) -> bool:
        """Whether functions have the models, and no endpoint of SageMaker's runs."""
        return self.serving == "function"

    @model_validator(mode="after")
    def _see_what_is_compared(self) -> Self:
        if self.rollout == "full" and not self.capture_percent:
            raise ValueError(
                "capture_percent is 0, so a shadow could never be compared; capture something, or set rollout to "
                '"canary" or "direct"'
            )
        return self
