"""SageMaker's model registry: packages in groups, and their approval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from noriba.records.approvals import APPROVED, PENDING_APPROVAL, REJECTED
from noriba.records.packed import PACKED_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import CreateModelPackageInputTypeDef

    from noriba.records.approvals import ApprovalStatus
    from noriba.registry.candidates import Candidate

CONTENT_TYPE = "application/json"


class ModelPackage(BaseModel):
    """A registered model, as the registry tells it; who changed it last, and when, where it says so."""

    model_config = ConfigDict(frozen=True)

    arn: str
    group: str
    version: int
    status: str
    note: str | None = None
    created_at: datetime
    changed_at: datetime | None = None
    changed_by: str | None = None
    image_uri: str
    model_data_uri: str
    metadata: dict[str, str]


class ModelRegistry:
    """The packages of one group."""

    def __init__(self, sagemaker: SageMakerClient, group: str) -> None:
        self._sagemaker = sagemaker
        self._group = group

    def register(self, candidate: Candidate, *, card: str, client_token: str) -> ModelPackage:
        """Register a candidate: waiting for approval when its gates are open, rejected with the reasons when not.

        The client token makes a retry find the package that the first call made.
        """
        lineage = candidate.lineage
        status = PENDING_APPROVAL if candidate.passed else REJECTED
        request: dict[str, Any] = {
            "ModelPackageGroupName": self._group,
            "ModelPackageDescription": candidate.summary[:1024],
            "ModelApprovalStatus": status,
            "ClientToken": client_token,
            "InferenceSpecification": {
                "Containers": [{"Image": lineage.image_uri, "ModelDataUrl": lineage.model_data_uri}],
                "SupportedContentTypes": [CONTENT_TYPE, PACKED_TYPE],
                "SupportedResponseMIMETypes": [CONTENT_TYPE, PACKED_TYPE],
            },
            "ModelMetrics": {
                "ModelQuality": {"Statistics": {"ContentType": CONTENT_TYPE, "S3Uri": lineage.evaluation_uri}}
            },
            "ModelCard": {"ModelCardContent": card, "ModelCardStatus": "PendingReview"},
            "CustomerMetadataProperties": candidate.metadata(),
        }
        answer = self._sagemaker.create_model_package(**cast("CreateModelPackageInputTypeDef", request))
        arn = answer["ModelPackageArn"]
        if status == REJECTED:
            # CreateModelPackage takes no note; the reasons belong where the approver looks.
            self._decide(arn, REJECTED, candidate.summary)
        return self.describe(arn)

    def approve(self, arn: str, *, note: str) -> None:
        """Approve a package, which starts its rollout.

        Only a change to `Approved` starts one: a package that is approved already is set back first.
        """
        if self.describe(arn).status == APPROVED:
            self._decide(arn, PENDING_APPROVAL, note)
        self._decide(arn, APPROVED, note)

    def reject(self, arn: str, *, note: str) -> None:
        """Reject a package."""
        self._decide(arn, REJECTED, note)

    def describe(self, arn: str) -> ModelPackage:
        """One package."""
        found = self._sagemaker.describe_model_package(ModelPackageName=arn)
        container = found["InferenceSpecification"]["Containers"][0]
        return ModelPackage(
            arn=found["ModelPackageArn"],
            group=found["ModelPackageGroupName"],
            version=found["ModelPackageVersion"],
            status=found["ModelApprovalStatus"],
            note=found.get("ApprovalDescription"),
            created_at=found["CreationTime"],
            changed_at=found.get("LastModifiedTime"),
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UserContext.html
            changed_by=found.get("LastModifiedBy", {}).get("IamIdentity", {}).get("Arn"),
            image_uri=container["Image"],
            model_data_uri=container["ModelDataUrl"],
            metadata=found.get("CustomerMetadataProperties", {}),
        )

    def find(self, arn: str) -> ModelPackage | None:
        """One package; None when the registry has it no more, or never had."""
        try:
            return self.describe(arn)
        except ClientError as error:
            # SageMaker has no error of its own for this: a ValidationException, "ModelPackage … does not exist".
            detail = error.response["Error"]
            if detail["Code"] == "ValidationException" and "does not exist" in detail["Message"]:
                return None
            raise

    def list_packages(self) -> Iterator[ModelPackage]:
        """All packages, newest first."""
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._group, SortBy="CreationTime", SortOrder="Descending"
        )
        for page in pages:
            for summary in page["ModelPackageSummaryList"]:
                yield self.describe(summary["ModelPackageArn"])

    def read_card(self, arn: str) -> str:
        """The model card's JSON text."""
        return self._sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"]["ModelCardContent"]

    def _decide(self, arn: str, status: ApprovalStatus, note: str) -> None:
        self._sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=note[:1024]
        )
