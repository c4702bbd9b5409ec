"""The EventBridge events that SageMaker sends when the state of something changes.

Shapes: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
Only the members documented there are sent, so that nothing on the laptop relies on more than AWS gives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from laptop_cloud import ministack_seams
from laptop_cloud.sagemaker.shapes import as_moment, epoch_millis, render_answer

if TYPE_CHECKING:
    from datetime import datetime

    from laptop_cloud.sagemaker.scopes import Scope
    from laptop_cloud.sagemaker.shapes import Stamp

_SOURCE = "aws.sagemaker"

_TRAINING_MEMBERS = (
    *("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", "FailureReason", "HyperParameters"),
    *("AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "VpcConfig"),
    *("StoppingCondition", "CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime"),
    "SecondaryStatusTransitions",
)
_PROCESSING_MEMBERS = (
    *("ProcessingInputs", "ProcessingOutputConfig", "ProcessingJobName", "ProcessingResources", "StoppingCondition"),
    *("AppSpecification", "NetworkConfig", "RoleArn", "ExperimentConfig", "ProcessingJobArn", "ProcessingJobStatus"),
    *("FailureReason", "ProcessingEndTime", "ProcessingStartTime", "LastModifiedTime", "CreationTime"),
)
_TRANSFORM_MEMBERS = (
    *("TransformJobName", "TransformJobArn", "TransformJobStatus", "FailureReason", "ModelName"),
    *("MaxConcurrentTransforms", "MaxPayloadInMB", "BatchStrategy", "Environment", "TransformInput", "TransformOutput"),
    *("TransformResources", "CreationTime", "TransformStartTime", "TransformEndTime"),
)
_ENDPOINT_MEMBERS = (
    *("EndpointName", "EndpointArn", "EndpointConfigName", "ProductionVariants", "FailureReason", "CreationTime"),
    "LastModifiedTime",
)
_UPDATE_MEMBERS = (*_ENDPOINT_MEMBERS, "PendingDeploymentSummary")
_PACKAGE_MEMBERS = (
    *("ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime"),
    *("InferenceSpecification", "ModelPackageStatus", "ModelPackageStatusDetails", "CertifyForMarketplace"),
    *("ModelApprovalStatus", "MetadataProperties", "ModelMetrics", "ModelLifeCycle", "LastModifiedTime"),
)


def training_job_changed(scope: Scope, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Tell that a training job entered another status, primary or secondary."""
    detail = _pick("DescribeTrainingJob", description, _TRAINING_MEMBERS)
    _send(scope, "Training Job", description["TrainingJobArn"], {**detail, "Tags": _as_map(tags)})


def processing_job_changed(scope: Scope, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Tell that a processing job entered another status."""
    detail = _pick("DescribeProcessingJob", description, _PROCESSING_MEMBERS)
    _send(scope, "Processing Job", description["ProcessingJobArn"], {**detail, "Tags": _as_map(tags)})


def transform_job_changed(scope: Scope, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Tell that a batch transform job entered another status."""
    detail = _pick("DescribeTransformJob", description, _TRANSFORM_MEMBERS, _iso_seconds)
    _send(scope, "Transform Job", description["TransformJobArn"], {**detail, "Tags": _as_map(tags)})


def endpoint_changed(scope: Scope, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Tell that an endpoint entered another status; the event spells it `IN_SERVICE` where the API says `InService`."""
    _send(scope, "Endpoint", description["EndpointArn"], _endpoint_detail(description, tags, _ENDPOINT_MEMBERS))


def deployment_changed(scope: Scope, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
    """Tell how far a guarded deployment of an endpoint has come."""
    _send(
        scope, "Endpoint Deployment", description["EndpointArn"], _endpoint_detail(description, tags, _UPDATE_MEMBERS)
    )


def model_package_changed(scope: Scope, description: dict[str, Any], updated: list[str]) -> None:
    """Tell that a model package was registered or changed.

    Args:
        scope: of the package.
        description: of the package.
        updated: the members that an update changed; empty for a new package.
    """
    detail = _pick("DescribeModelPackage", description, _PACKAGE_MEMBERS, _iso_seconds)
    if updated:
        detail["UpdatedModelPackageFields"] = updated
    _send(scope, "Model Package", description["ModelPackageArn"], detail)


def _endpoint_detail(
    description: dict[str, Any], tags: list[dict[str, str]], members: tuple[str, ...]
) -> dict[str, Any]:
    status = re.sub(r"(?<!^)(?=[A-Z])", "_", description["EndpointStatus"]).upper()
    return {**_pick("DescribeEndpoint", description, members), "EndpointStatus": status, "Tags": _as_map(tags)}


def _send(scope: Scope, subject: str, arn: str, detail: dict[str, Any]) -> None:
    ministack_seams.put_aws_event(
        _SOURCE,
        f"SageMaker {subject} State Change",
        detail,
        resources=[arn],
        account=scope.account,
        region=scope.region,
    )


def _pick(
    operation: str, description: dict[str, Any], members: tuple[str, ...], stamp: Stamp = epoch_millis
) -> dict[str, Any]:
    return render_answer(operation, {name: description[name] for name in members if name in description}, stamp)


def _iso_seconds(moment: datetime) -> str:
    return f"{as_moment(moment):%Y-%m-%dT%H:%M:%SZ}"


def _as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
