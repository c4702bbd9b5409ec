"""Service clients, made when first needed and kept: the one place where boto3 is asked for anything."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from noriba.aws.prompt import ATTEMPTS, CONNECT_S, READ_S
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# Adaptive retries back off with jitter and slow down when a service throttles.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
_PATIENT = Config(retries={"mode": "adaptive", "max_attempts": 5})
# A prediction is worth nothing late: one quick retry, and connections kept open. Both attempts must end while the
# function can still say so. `max_attempts` would not count the first one.
# https://docs.aws.amazon.com/botocore/latest/reference/config.html
_PROMPT = Config(
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    tcp_keepalive=True,
)

# A function may run for a quarter of an hour; asked again meanwhile, it would run twice.
_LONG = Config(read_timeout=900, tcp_keepalive=True)
# Unless somebody waits for whoever asks: then it goes on by itself, and its answer is not waited for.
_BRIEF = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=1, read_timeout=10)
# What is kept of an answer must not hold it up.
_FLEETING = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=0.5, read_timeout=1)


class NoSuchProfileError(NoribaError):
    """AWS's configuration has no profile of that name."""


class Clients:
    """Clients of one session. Endpoint, region and credentials come from the environment, as for any AWS program.

    Args:
        session: the environment's when left out.
        endpoint_url: where every service is; each at its own place when left out.
        prompt: for a function that an app waits for: better no answer soon than an answer late.
    """

    def __init__(
        self, session: boto3.Session | None = None, *, endpoint_url: str | None = None, prompt: bool = False
    ) -> None:
        # boto3 knows AWS_DEFAULT_REGION alone; the AWS CLI and `cdk` go by AWS_REGION first.
        # https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
        self._session = session or boto3.Session(region_name=os.environ.get("AWS_REGION"))
        self._endpoint_url = endpoint_url
        self._config = _PROMPT if prompt else _PATIENT

    @classmethod
    def to(cls, environment: Mapping[str, str]) -> Clients:
        """Clients that go where these variables say, whatever the process's own say."""
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        return cls(session, endpoint_url=environment["AWS_ENDPOINT_URL"])

    @classmethod
    def of_profile(cls, profile: str, *, environment: Mapping[str, str] | None = None) -> Clients:
        """Clients with a profile of AWS's configuration; what it says of credentials stands over the environment's.

        Args:
            profile: its name.
            environment: the variables that say where that configuration is, and where clients go, whatever the
                process's own say; those of the process when None.

        Raises:
            NoSuchProfileError: there is none of that name.
        """
        core = botocore.session.Session()
        if environment is not None:
            core.set_config_variable("config_file", environment["AWS_CONFIG_FILE"])
            core.set_config_variable("credentials_file", os.devnull)
        variables = os.environ if environment is None else environment
        try:
            session = boto3.Session(
                profile_name=profile, region_name=variables.get("AWS_REGION"), botocore_session=core
            )
            # The environment's address comes first, as for any AWS program; it is kept, since whoever acts as a role
            # has the profile no more.
            # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
            configured = core.get_scoped_config().get("endpoint_url")
        except ProfileNotFound as error:
            raise NoSuchProfileError(str(error)) from error
        return cls(session, endpoint_url=variables.get("AWS_ENDPOINT_URL") or configured)

    @cached_property
    def s3(self) -> S3Client:
        """Objects."""
        return self._session.client("s3", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def events(self) -> EventBridgeClient:
        """The bus."""
        return self._session.client("events", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def dynamodb(self) -> DynamoDBServiceResource:
        """The ledger."""
        return self._session.resource("dynamodb", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """Jobs, registry and endpoints."""
        return self._session.client("sagemaker", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        """Invocations."""
        return self._session.client("sagemaker-runtime", config=_PROMPT, endpoint_url=self._endpoint_url)

    @cached_property
    def firehose(self) -> FirehoseClient:
        """Streams of what was answered."""
        return self._session.client("firehose", config=_FLEETING, endpoint_url=self._endpoint_url)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks and their outputs."""
        return self._session.client("cloudformation", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def cloudtrail(self) -> CloudTrailClient:
        """Who called what."""
        return self._session.client("cloudtrail", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Executions."""
        return self._session.client("stepfunctions", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def apigateway(self) -> APIGatewayClient:
        """API keys."""
        return self._session.client("apigateway", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def athena(self) -> AthenaClient:
        """SQL."""
        return self._session.client("athena", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def functions(self) -> LambdaClient:
        """Functions that are called by name, and may take their time."""
        config = _BRIEF if self._config is _PROMPT else self._config.merge(_LONG)
        return self._session.client("lambda", config=config, endpoint_url=self._endpoint_url)

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """Alarms."""
        return self._session.client("cloudwatch", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def sqs(self) -> SQSClient:
        """Dead letters."""
        return self._session.client("sqs", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def sts(self) -> STSClient:
        """Other roles."""
        return self._session.client("sts", config=self._config, endpoint_url=self._endpoint_url)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """Log groups."""
        return self._session.client("logs", config=self._config, endpoint_url=self._endpoint_url)

    def other(self, service: str) -> Any:
        """A client of a service that is asked now and then, by its boto3 name."""
        return self._session.client(service, config=self._config, endpoint_url=self._endpoint_url)  # type: ignore[call-overload]  # any name

    @property
    def have_credentials(self) -> bool:
        """Whether anybody can be asked with them at all."""
        return self._session.get_credentials() is not None

    @property
    def region(self) -> str | None:
        """Where they go; None when nobody said."""
        return self._session.region_name

    def acting_as(self, role_arn: str, *, session_name: str) -> Clients:
        """Clients that act as another role; the session's name stands in the audit trail."""
        granted = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name)["Credentials"]
        return Clients(
            boto3.Session(
                aws_access_key_id=granted["AccessKeyId"],
                aws_secret_access_key=granted["SecretAccessKey"],
                aws_session_token=granted["SessionToken"],
                region_name=self._session.region_name,
            ),
            endpoint_url=self._endpoint_url,
        )
