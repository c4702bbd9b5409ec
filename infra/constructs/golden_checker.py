"""The function that lets a model on staging answer golden requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack

from infra.constructs.acknowledgements import acknowledge_wildcard
from infra.constructs.function import PythonFunction
from infra.constructs.grants import allow, allow_reading, format_arn, write_arn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3

    from infra.constructs.shared import Shared


def make_golden_checker(
    scope: Stack,
    *,
    shared: Shared,
    models: s3.IBucket,
    endpoints: Iterable[str],
    asker: lambda_.IFunction | None = None,
) -> PythonFunction:
    """The function; it asks staging endpoints alone.

    Args:
        scope: a stack in the account of staging.
        shared: what that account's stacks share.
        models: where golden requests and their answers lie, in a model's bundle.
        endpoints: the production endpoints, by name.
        asker: the function that has the models, where no endpoint of SageMaker's runs.
    """
    function = PythonFunction(
        scope,
        "check_golden_requests",
        shared=shared,
        environment={} if asker is None else {"MODEL_FUNCTION": asker.function_name},
        # The function that it asks may have to start first, and to read the model.
        timeout=Duration.minutes(2 if asker is None else 5),
        memory_mb=512,
    )
    allow_reading(function.role, models)
    if asker is not None:
        allow(function.role, ["lambda:InvokeFunction"], [asker.function_arn])
        return function
    staging = [format_arn(scope, "sagemaker", f"endpoint/{name}-staging-*") for name in endpoints]
    allow(function.role, ["sagemaker:InvokeEndpoint"], staging)
    acknowledge_wildcard(
        function.role,
        *(write_arn(endpoint) for endpoint in staging),
        reason="a staging endpoint is named after its attempt",
    )
    return function
