"""Service clients, made when first needed and kept: the one place where boto3 is asked for anything."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_stepfunctions import SFNClient

# Adaptive retries back off with jitter and slow down when a service throttles.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
_PATIENT = Config(retries={"mode": "adaptive", "max_attempts": 5}, s3={"addressing_style": "path"})
# A prediction is worth nothing late: one quick retry, and connections kept open.
_PROMPT = Config(
    retries={"mode": "standard", "max_attempts": 2}, connect_timeout=1, read_timeout=10, tcp_keepalive=True
)


class Clients:
    """Clients of one session. Endpoint, region and credentials come from the environment, as for any AWS program."""

    def __init__(self, session: boto3.Session | None = None) -> None:
        self._session = session or boto3.Session()

    @cached_property
    def s3(self) -> S3Client:
        """Objects."""
        return self._session.client("s3", config=_PATIENT)

    @cached_property
    def events(self) -> EventBridgeClient:
        """The bus."""
        return self._session.client("events", config=_PATIENT)

    @cached_property
    def dynamodb(self) -> DynamoDBServiceResource:
        """The ledger."""
        return self._session.resource("dynamodb", config=_PATIENT)

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """Jobs, registry and endpoints."""
        return self._session.client("sagemaker", config=_PATIENT)

    @cached_property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        """Invocations."""
        return self._session.client("sagemaker-runtime", config=_PROMPT)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks and their outputs."""
        return self._session.client("cloudformation", config=_PATIENT)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Executions."""
        return self._session.client("stepfunctions", config=_PATIENT)

    @cached_property
    def apigateway(self) -> APIGatewayClient:
        """API keys."""
        return self._session.client("apigateway", config=_PATIENT)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """Log groups."""
        return self._session.client("logs", config=_PATIENT)
