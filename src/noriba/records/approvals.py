"""What the registry says of a model package: whether a person has let it into production."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

ApprovalStatus: TypeAlias = Literal["Approved", "PendingManualApproval", "Rejected"]
"""SageMaker's: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html"""

APPROVED: Final = "Approved"
PENDING_APPROVAL: Final = "PendingManualApproval"
REJECTED: Final = "Rejected"
