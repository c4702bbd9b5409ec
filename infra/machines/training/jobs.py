"""SageMaker's jobs: one that trains, one that evaluates."""

from __future__ import annotations

from infra.machines.states import (
    State,
    call,
    catch_all,
)
from infra.machines.training.props import METRICS, TrainingProps
from noriba.records.snapshot import name_channel_manifest

_LOCAL = "/opt/ml/processing"
FIND_KEY = "Find the registry's key"


def train(props: TrainingProps) -> State:
    """Fit, calibrate and seal a bundle."""
    return call(
        "arn:aws:states:::sagemaker:createTrainingJob.sync",
        {
            "TrainingJobName.$": "$.training_job_name",
            "AlgorithmSpecification": {
                "TrainingImage": props.image_uri,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": name, "Regex": f"metric {name}=([0-9.e+-]+);"} for name in METRICS],
            },
            "HyperParameters": {"use_case.$": "$.use_case"},
            "InputDataConfig": [
                _channel("snapshot", "S3Prefix", {"S3Uri.$": "$.manifest_uri"}),
                _channel("parts", "ManifestFile", {"S3Uri.$": _channel_manifest(props)}),
            ],
            "OutputDataConfig": {
                "S3OutputPath.$": f"States.Format('s3://{props.models_bucket}/{{}}/training', $.use_case)",
                **_encrypt_output(props),
            },
            "ResourceConfig": {
                "InstanceType": props.instance,
                "InstanceCount": 1,
                "VolumeSizeInGB": 50,
                "VolumeKmsKeyId": props.key_arn,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": props.max_runtime_s},
            "RoleArn": props.role_arn,
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


def evaluate(props: TrainingProps, *, beside_champion: bool) -> State:
    """Evaluate the candidate on the hold-out, with or without the champion."""
    inputs = _list_inputs(props)
    if beside_champion:
        inputs.append(_input("champion", {"S3Uri.$": "$.champion_model_uri"}))
    output = f"States.Format('s3://{props.models_bucket}/{{}}/evaluation/{{}}', $.use_case, $.training_job_name)"
    return call(
        "arn:aws:states:::sagemaker:createProcessingJob.sync",
        {
            "ProcessingJobName.$": "States.Format('{}-evaluation', $.training_job_name)",
            "AppSpecification": {"ImageUri": props.image_uri, "ContainerEntrypoint": ["evaluate"]},
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
                **_encrypt_output(props),
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": props.instance,
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 50,
                    "VolumeKmsKeyId": props.key_arn,
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": props.max_runtime_s},
            "RoleArn": props.role_arn,
            "NetworkConfig": {"EnableNetworkIsolation": True},
        },
        follow="Register",
        ResultSelector={
            "uri.$": "States.Format('{}/evaluation.json', $.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri)"
        },
        ResultPath="$.evaluation",
        **catch_all("Release the lock after failure"),
    )


def find_key(props: TrainingProps) -> dict[str, State]:
    """A state that asks for the ARN of the key where models lie, in another account; none where it is ours.

    S3 takes nothing else for a key of another account, no alias: what jobs write goes there.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html
    """
    if props.registry_key is None:
        return {}
    return {
        FIND_KEY: call(
            "arn:aws:states:::aws-sdk:kms:describeKey",
            {"KeyId": props.registry_key},
            follow="Train",
            ResultSelector={"arn.$": "$.KeyMetadata.Arn"},
            ResultPath="$.registry_key",
            **catch_all("Release the lock after failure"),
        )
    }


def _encrypt_output(props: TrainingProps) -> State:
    """With the key of where models lie: whoever serves one need not know who trained it."""
    return {"KmsKeyId": props.key_arn} if props.registry_key is None else {"KmsKeyId.$": "$.registry_key.arn"}


def _list_inputs(props: TrainingProps) -> list[State]:
    return [
        _input("snapshot", {"S3Uri.$": "$.manifest_uri"}),
        _input("parts", {"S3Uri.$": _channel_manifest(props)}, kind="ManifestFile"),
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


def _channel_manifest(props: TrainingProps) -> str:
    template = f"s3://{props.datasets_bucket}/{name_channel_manifest('{}', '{}')}"
    return f"States.Format('{template}', $.use_case, $.snapshot_id)"
