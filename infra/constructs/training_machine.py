"""TRAIN: take the decision ▸ train ▸ evaluate beside the champion on one hold-out ▸ register the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.constructs.model_image import DOCKER_MANIFEST, OTHER_MANIFESTS
from infra.constructs.states import (
    DISCARD,
    State,
    call,
    catch_all,
    choose,
    equals,
    fail_as_caught,
    invoke_function,
    present,
    publish,
    succeed,
)
from noriba.events import CandidateRegistered, RetrainingDecided, TrainingFailed

METRICS = ("mae", "rmse", "rmsle", "coverage", "baseline_mae")
_UNFIT = "the image has the manifests {}, and SageMaker takes Docker manifests alone; {}"
_LOCAL = "/opt/ml/processing"


@dataclass(frozen=True)
class TrainingPlaces:
    """Where training happens and where things lie; ARNs and names."""

    bus_name: str
    ledger_table: str
    datasets_bucket: str
    models_bucket: str
    image_uri: str
    image_repository: str
    image_tag: str
    role_arn: str
    key_arn: str
    register_arn: str
    instance: str
    max_runtime_s: int


def describe_training(places: TrainingPlaces) -> dict[str, State]:
    """The states; the input is the detail of a `RetrainingDecided`, of which only the name is believed."""
    return {
        **_take_decision(places),
        **_check_image(places),
        "Train": _train(places),
        "Is there a champion?": choose(
            (present("$.champion_model_uri"), "Evaluate beside the champion"), otherwise="Evaluate"
        ),
        "Evaluate": _evaluate(places, _inputs(places)),
        "Evaluate beside the champion": _evaluate(
            places, [*_inputs(places), _input("champion", {"S3Uri.$": "$.champion_model_uri"})]
        ),
        "Register": invoke_function(
            places.register_arn,
            {
                "decision": {f"{name}.$": f"$.{name}" for name in RetrainingDecided.model_fields},
                "training_job_arn.$": "$.training.arn",
                "image_uri.$": "$.training.image_uri",
                "model_data_uri.$": "$.training.model_data_uri",
                "evaluation_uri.$": "$.evaluation.uri",
            },
            result="$.registered",
            follow="Release the lock",
            catch="Release the lock after failure",
        ),
        # Before the news: whoever hears it may want to train again at once.
        "Release the lock": _release(places, follow="Announce candidate"),
        "Announce candidate": publish(
            places.bus_name, CandidateRegistered, "$.registered.answer", follow="Candidate registered"
        ),
        "Candidate registered": succeed(),
        "Release the lock after failure": _release(places, follow="Announce failure"),
        "Announce failure": publish(
            places.bus_name,
            TrainingFailed,
            {
                "use_case.$": "$.use_case",
                "decision_id.$": "$.decision_id",
                "training_job_name.$": "$.training_job_name",
                "error.$": "$.failure.Error",
                "cause.$": "$.failure.Cause",
            },
            follow="Failed",
        ),
        "Failed": fail_as_caught(),
        "Delivered before": succeed(),
    }


def _take_decision(places: TrainingPlaces) -> dict[str, State]:
    """States that find the decision in the ledger and take it for this execution, once.

    Whoever may put events on the bus can put one that looks like a decision. Only what the ledger holds is trained on,
    and everything else about the run is read from there.
    """
    key = {"use_case": {"S.$": "$.use_case"}, "entry": {"S.$": "States.Format('decision#{}', $.decision_id)"}}
    unknown = "the ledger holds no decision of this name to train; it did not come from decide_retraining"
    return {
        "Take the decision": call(
            "arn:aws:states:::dynamodb:updateItem",
            {
                "TableName": places.ledger_table,
                "Key": key,
                "UpdateExpression": "SET execution = :mine",
                "ConditionExpression": "train = :yes AND (attribute_not_exists(execution) OR execution = :mine)",
                "ExpressionAttributeValues": {":mine": {"S.$": "$$.Execution.Id"}, ":yes": {"BOOL": True}},
                "ReturnValues": "ALL_NEW",
            },
            follow="Go by the ledger",
            ResultSelector={"decision.$": "States.StringToJson($.Attributes.record.S)"},
            ResultPath="$.taken",
            Catch=[
                {
                    "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
                    "ResultPath": DISCARD,
                    "Next": "Look for the decision",
                }
            ],
        ),
        "Go by the ledger": {"Type": "Pass", "InputPath": "$.taken.decision", "Next": "Look at the image"},
        "Look for the decision": call(
            "arn:aws:states:::dynamodb:getItem",
            {"TableName": places.ledger_table, "Key": key, "ConsistentRead": True},
            follow="Was it taken before?",
            ResultPath="$.known",
        ),
        # EventBridge delivers at least once; the second delivery ends here.
        "Was it taken before?": choose(
            (present("$.known.Item.execution"), "Delivered before"), otherwise="Unknown decision"
        ),
        "Unknown decision": {
            "Type": "Pass",
            "Result": {"Error": "UnknownDecisionError", "Cause": unknown},
            "ResultPath": "$.failure",
            "Next": "Failed",
        },
    }


def _check_image(places: TrainingPlaces) -> dict[str, State]:
    """States that see whether SageMaker will take the image: it would refuse only after training and approval."""
    # `cdk deploy` builds no image that the registry or this computer's engine already has under its tag.
    # https://github.com/aws/aws-cdk/blob/main/packages/cdk-assets/lib/private/handlers/container-images.ts
    remedy = (
        f"remove it with `aws ecr batch-delete-image --repository-name {places.image_repository} --image-ids "
        f"imageTag={places.image_tag}` and `docker image rm cdkasset-{places.image_tag}` (or podman), then run "
        "`cdk deploy` again; with Podman, set CDK_DOCKER=podman, BUILDAH_FORMAT=docker and container_engine=podman"
    )
    return {
        "Look at the image": call(
            "arn:aws:states:::aws-sdk:ecr:batchGetImage",
            {
                "RepositoryName": places.image_repository,
                "ImageIds": [{"ImageTag": places.image_tag}],
                "AcceptedMediaTypes": [DOCKER_MANIFEST, *OTHER_MANIFESTS],
            },
            follow="Will SageMaker take it?",
            # Not the manifest itself: its layers would travel along.
            ResultSelector={"kinds.$": "$.Images[*].ImageManifestMediaType"},
            ResultPath="$.image",
            **catch_all("Release the lock after failure"),
        ),
        "Will SageMaker take it?": choose(
            (equals("$.image.kinds[0]", DOCKER_MANIFEST), "Train"), otherwise="Unfit image"
        ),
        "Unfit image": {
            "Type": "Pass",
            "Parameters": {
                "Error": "UnfitImageError",
                "Cause.$": f"States.Format('{_UNFIT}', States.JsonToString($.image.kinds), '{remedy}')",
            },
            "ResultPath": "$.failure",
            "Next": "Release the lock after failure",
        },
    }


def _train(places: TrainingPlaces) -> State:
    return call(
        "arn:aws:states:::sagemaker:createTrainingJob.sync",
        {
            "TrainingJobName.$": "$.training_job_name",
            "AlgorithmSpecification": {
                "TrainingImage": places.image_uri,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": name, "Regex": f"metric {name}=([0-9.e+-]+);"} for name in METRICS],
            },
            "HyperParameters": {"use_case.$": "$.use_case"},
            "InputDataConfig": [
                _channel("snapshot", "S3Prefix", {"S3Uri.$": "$.manifest_uri"}),
                _channel("parts", "ManifestFile", {"S3Uri.$": _channel_manifest(places)}),
            ],
            "OutputDataConfig": {
                "S3OutputPath.$": f"States.Format('s3://{places.models_bucket}/{{}}/training', $.use_case)",
                "KmsKeyId": places.key_arn,
            },
            "ResourceConfig": {
                "InstanceType": places.instance,
                "InstanceCount": 1,
                "VolumeSizeInGB": 50,
                "VolumeKmsKeyId": places.key_arn,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": places.max_runtime_s},
            "RoleArn": places.role_arn,
            # Everything comes through channels: the container needs no network, and gets none.
            "EnableNetworkIsolation": True,
        },
        follow="Is there a champion?",
        ResultSelector={
            "arn.$": "$.TrainingJobArn",
            "image_uri.$": "$.AlgorithmSpecification.TrainingImage",
            "model_data_uri.$": "$.ModelArtifacts.S3ModelArtifacts",
        },
        ResultPath="$.training",
        **catch_all("Release the lock after failure"),
    )


def _evaluate(places: TrainingPlaces, inputs: list[State]) -> State:
    output = f"States.Format('s3://{places.models_bucket}/{{}}/evaluation/{{}}', $.use_case, $.training_job_name)"
    return call(
        "arn:aws:states:::sagemaker:createProcessingJob.sync",
        {
            "ProcessingJobName.$": "States.Format('{}-evaluation', $.training_job_name)",
            "AppSpecification": {"ImageUri": places.image_uri, "ContainerEntrypoint": ["evaluate"]},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "evaluation",
                        "S3Output": {
                            "S3Uri.$": output,
                            "LocalPath": f"{_LOCAL}/output/evaluation",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ],
                "KmsKeyId": places.key_arn,
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": places.instance,
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 50,
                    "VolumeKmsKeyId": places.key_arn,
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": places.max_runtime_s},
            "RoleArn": places.role_arn,
            "NetworkConfig": {"EnableNetworkIsolation": True},
        },
        follow="Register",
        ResultSelector={
            "uri.$": "States.Format('{}/evaluation.json', $.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri)"
        },
        ResultPath="$.evaluation",
        **catch_all("Release the lock after failure"),
    )


def _inputs(places: TrainingPlaces) -> list[State]:
    return [
        _input("snapshot", {"S3Uri.$": "$.manifest_uri"}),
        _input("parts", {"S3Uri.$": _channel_manifest(places)}, kind="ManifestFile"),
        _input("candidate", {"S3Uri.$": "$.training.model_data_uri"}),
    ]


def _input(name: str, where: State, *, kind: str = "S3Prefix") -> State:
    return {
        "InputName": name,
        "S3Input": {
            **where,
            "LocalPath": f"{_LOCAL}/input/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _channel(name: str, kind: str, where: State) -> State:
    source = {"S3DataType": kind, **where, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _channel_manifest(places: TrainingPlaces) -> str:
    template = f"s3://{places.datasets_bucket}/{{}}/snapshots/{{}}/channel.manifest"
    return f"States.Format('{template}', $.use_case, $.snapshot_id)"


def _release(places: TrainingPlaces, *, follow: str) -> State:
    """The training is over, whichever way; the lock is only ours while the entry holds our decision."""
    parameters: dict[str, Any] = {
        "TableName": places.ledger_table,
        "Key": {"use_case": {"S.$": "$.use_case"}, "entry": {"S": "training"}},
        "UpdateExpression": "SET running = :no",
        "ConditionExpression": "decision_id = :mine",
        "ExpressionAttributeValues": {":no": {"BOOL": False}, ":mine": {"S.$": "$.decision_id"}},
    }
    lost = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": DISCARD, "Next": follow}
    return call("arn:aws:states:::dynamodb:updateItem", parameters, follow=follow, Catch=[lost])
