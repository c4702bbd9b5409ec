"""What SageMaker remembers: moto's records of one account and region, corrected where moto forgets or pretends.

moto keeps the collections, ARNs, times, versions, tags and model cards. It drops request members that it does not know
(a package's model card, say), invents outcomes (a training job is complete at once), and answers some searches wrongly.
So the request travels beside moto's record and is what `describe` answers; inventions are cleared; searching is done
here.
"""

from __future__ import annotations

import copy
import inspect
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from moto.sagemaker.models import FakeEndpointConfig, SageMakerModelBackend

from laptop_cloud.sagemaker.errors import ResourceInUseError, ValidationError
from laptop_cloud.sagemaker.shapes import as_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laptop_cloud.sagemaker.errors import ApiError
    from laptop_cloud.sagemaker.scopes import Scope


@dataclass(frozen=True)
class Kind:
    """One kind of record.

    Args:
        prefix: what its API members start with: `TrainingJob` has `TrainingJobName` and `TrainingJobArn`.
        arn_type: the resource type in its ARN.
        collection: moto's attribute that holds the records by name.
        missing: the message when there is none of a name; `{name}` and `{arn}` are filled in.
        taken: the message when the name is taken; `{arn}` is filled in.
        invented: moto's attributes that are made up, and cleared.
        taken_error: what the API answers then.
    """

    prefix: str
    arn_type: str
    collection: str
    missing: str
    taken: str
    invented: tuple[str, ...] = ()
    taken_error: Callable[[str], ApiError] = ValidationError

    @property
    def name_member(self) -> str:
        """The API member that holds the name."""
        return f"{self.prefix}Name"

    @property
    def arn_member(self) -> str:
        """The API member that holds the ARN."""
        return f"{self.prefix}Arn"


_TAKEN_JOB = "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"

TRAINING_JOB = Kind(
    "TrainingJob",
    "training-job",
    "training_jobs",
    "Requested resource not found.",
    _TAKEN_JOB,
    ("training_start_time", "training_end_time", "secondary_status_transitions", "final_metric_data_list"),
    ResourceInUseError,
)
PROCESSING_JOB = Kind(
    "ProcessingJob",
    "processing-job",
    "processing_jobs",
    "Could not find requested job with name: {name}",
    _TAKEN_JOB,
    ("processing_end_time",),
    ResourceInUseError,
)
TRANSFORM_JOB = Kind(
    "TransformJob",
    "transform-job",
    "transform_jobs",
    "Could not find requested job with name: {name}",
    _TAKEN_JOB,
    ("transform_start_time", "transform_end_time", "failure_reason", "labeling_job_arn", "auto_ml_job_arn"),
    ResourceInUseError,
)
MODEL = Kind(
    "Model",
    "model",
    "_models",
    'Could not find model "{arn}".',
    'Cannot create already existing model "{arn}".',
    ("execution_role_arn",),
)
ENDPOINT_CONFIG = Kind(
    "EndpointConfig",
    "endpoint-config",
    "endpoint_configs",
    'Could not find endpoint configuration "{arn}".',
    'Cannot create already existing endpoint configuration "{arn}".',
)
ENDPOINT = Kind(
    "Endpoint",
    "endpoint",
    "endpoints",
    'Could not find endpoint "{arn}".',
    'Cannot create already existing endpoint "{arn}".',
    ("production_variants", "shadow_production_variants", "data_capture_config"),
)
MODEL_PACKAGE_GROUP = Kind(
    "ModelPackageGroup",
    "model-package-group",
    "model_package_groups",
    "ModelPackageGroup {arn} does not exist.",
    "Model Package Group already exists: {arn}",
    ("created_by",),
)
MODEL_PACKAGE = Kind(
    "ModelPackage",
    "model-package",
    "model_packages",
    "ModelPackage {arn} does not exist.",
    "Model Package already exists: {arn}",
    ("created_by", "model_package_status_details"),
)
MODEL_CARD = Kind("ModelCard", "model-card", "model_cards", "ModelCard {arn} does not exist.", "")

KINDS = (
    TRAINING_JOB,
    PROCESSING_JOB,
    TRANSFORM_JOB,
    MODEL,
    ENDPOINT_CONFIG,
    ENDPOINT,
    MODEL_PACKAGE_GROUP,
    MODEL_PACKAGE,
    MODEL_CARD,
)


class _EndpointConfig(FakeEndpointConfig):
    """moto's record, without its list of instance types: the service model, checked before, has the real one."""

    def validate_instance_type(self, instance_type: str) -> None:
        """Accept what the service model accepted."""


class Records(SageMakerModelBackend):
    """The records of one account and region.

    A record is moto's object with two attributes more: `requested`, the members that the client sent, and `deleted`.
    All methods may be called from any thread.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope.region, scope.account)
        self.scope = scope
        self._lock = threading.RLock()

    # --- changing ---

    def create(self, kind: Kind, requested: dict[str, Any], **live: Any) -> Any:
        """Make a record.

        Args:
            kind: of the record.
            requested: the request's members; its name must be free.
            live: attributes of the record that no client sets, such as `training_job_status`.

        Raises:
            ApiError: the name is taken.
        """
        with self._lock:
            self._refuse_taken(kind, requested)
            creator = getattr(self, f"create_{xform_name(kind.prefix)}")
            members = {xform_name(member): copy.deepcopy(value) for member, value in requested.items()}
            arguments = {name: members.get(name) for name in inspect.signature(creator).parameters}
            creator(**arguments)
            record = next(reversed(self._collection(kind).values()))
            record.requested, record.deleted = copy.deepcopy(requested), False
            # Of some kinds moto remembers no tags where none were given.
            record.tags = getattr(record, "tags", None) or []
            for attribute in kind.invented:
                setattr(record, attribute, None)
            self.change(record, **live)
            return record

    def _refuse_taken(self, kind: Kind, requested: dict[str, Any]) -> None:
        name = requested.get(kind.name_member)
        taken = self._collection(kind).get(name) if name is not None else None
        if taken is not None and not taken.deleted:
            raise kind.taken_error(kind.taken.format(arn=taken.arn))

    def change(self, record: Any, *, requested: dict[str, Any] | None = None, **live: Any) -> None:
        """Change a record: members that clients set, attributes that they do not."""
        with self._lock:
            record.requested.update(requested or {})
            for attribute, value in live.items():
                setattr(record, attribute, value)
            if live or requested:
                record.last_modified_time = datetime.now(UTC)

    def remove(self, kind: Kind, name: str) -> None:
        """Remove a record.

        Raises:
            ApiError: there is none of the name.
        """
        with self._lock:
            record = self.find(kind, name)
            record.deleted = True
            # moto numbers a new package by those that are there, so deleted ones stay: a version is never given twice.
            if kind is not MODEL_PACKAGE:
                del self._collection(kind)[name]

    # --- reading ---

    def find(self, kind: Kind, name: str) -> Any:
        """The record of a name (model packages: of an ARN).

        Raises:
            ValidationError: there is none.
        """
        record = self._collection(kind).get(name)
        if record is None or record.deleted:
            arn = name if name.startswith("arn:") else self.scope.arn(f"{kind.arn_type}/{name}")
            raise ValidationError(kind.missing.format(name=name, arn=arn))
        return record

    def all(self, kind: Kind) -> list[Any]:
        """Every record of a kind."""
        return [record for record in list(self._collection(kind).values()) if not record.deleted]

    def describe(self, kind: Kind, record: Any) -> dict[str, Any]:
        """A record as the API's members; more than any answer has, `shapes.render` picks."""
        with self._lock:
            remembered = {k: v for k, v in record.gen_response_object().items() if v not in (None, {}, [], [None])}
            return copy.deepcopy({**remembered, **record.requested, kind.arn_member: record.arn})

    def describe_named(self, kind: Kind, name: str) -> dict[str, Any]:
        """The record of a name as the API's members; raises as `find` does."""
        return self.describe(kind, self.find(kind, name))

    def list_page(self, kind: Kind, member: str, params: dict[str, Any], *, order: str = "Ascending") -> dict[str, Any]:
        """What a `List…` operation answers with all records of a kind: the page in `member`; see `page`."""
        found, token = page(kind, (self.describe(kind, record) for record in self.all(kind)), params, order=order)
        return {member: found, **token}

    def _collection(self, kind: Kind) -> dict[str, Any]:
        collection: dict[str, Any] = getattr(self, kind.collection)
        return collection

    # --- tags ---

    def tagged(self, arn: str) -> list[dict[str, str]]:
        """The tags of a resource, as a list that may be changed in place.

        Raises:
            ValidationError: nothing has that ARN.
        """
        for kind in KINDS:
            for entry in list(self._collection(kind).values()):
                record = entry[0] if isinstance(entry, list) else entry
                if record.arn == arn and not getattr(record, "deleted", False):
                    record.tags = record.tags or []
                    tags: list[dict[str, str]] = record.tags
                    return tags
        raise ValidationError(f"Resource {arn} does not exist.")

    # --- where moto is wrong ---

    def create_endpoint_config(
        self,
        endpoint_config_name: str,
        production_variants: list[dict[str, Any]],
        data_capture_config: dict[str, Any],
        async_inference_config: dict[str, Any],
        tags: list[dict[str, str]],
        kms_key_id: str,
    ) -> FakeEndpointConfig:
        """Make an endpoint configuration with any instance type that SageMaker has; moto's list ends in 2020."""
        config = _EndpointConfig(  # type: ignore[abstract]  # CloudFormation, which moto means, is not used here
            account_id=self.account_id,
            region_name=self.region_name,
            endpoint_config_name=endpoint_config_name,
            production_variants=production_variants,
            async_inference_config=async_inference_config,
            data_capture_config=data_capture_config,
            tags=tags,
            kms_key_id=kms_key_id,
        )
        config.arn = config.endpoint_config_arn  # type: ignore[assignment]  # moto has a tuple there by mistake
        self.endpoint_configs[endpoint_config_name] = config
        return config


def page(
    kind: Kind, descriptions: Iterable[dict[str, Any]], params: dict[str, Any], *, order: str = "Ascending"
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Filter, sort and cut descriptions as every `List…` operation does.

    Args:
        kind: of the records.
        descriptions: of all records.
        params: the request: `NameContains`, `StatusEquals`, `CreationTimeAfter`, `SortBy`, `MaxResults` and so on.
        order: the operation's default `SortOrder`.

    Returns:
        The page, and `NextToken` when there is another.

    Raises:
        ValidationError: a `NextToken` that no answer gave.
    """
    found = [one for one in descriptions if _fits(kind, one, params)]
    sort_member = {"Name": kind.name_member, "Status": f"{kind.prefix}Status"}.get(params.get("SortBy", ""))
    # Creation times can be equal to the microsecond; the order of creation, which `found` has, decides then.
    found.sort(key=lambda one: one.get(sort_member, "") if sort_member else as_moment(one["CreationTime"]))
    if params.get("SortOrder", order) == "Descending":
        found.reverse()
    token = params.get("NextToken", "0")
    if not token.isdigit():
        raise ValidationError("Invalid pagination token.")
    end = int(token) + params.get("MaxResults", 10)
    return found[int(token) : end], {"NextToken": str(end)} if end < len(found) else {}


def _fits(kind: Kind, description: dict[str, Any], params: dict[str, Any]) -> bool:
    if (part := params.get("NameContains")) and part.lower() not in description.get(kind.name_member, "").lower():
        return False
    if (status := params.get("StatusEquals")) and description.get(f"{kind.prefix}Status") != status:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        after, before = params.get(f"{member}After"), params.get(f"{member}Before")
        moment = as_moment(description.get(member) or description["CreationTime"])
        if (after is not None and moment < as_moment(after)) or (before is not None and moment >= as_moment(before)):
            return False
    return True
