"""How one variant answered one request, and what it is called in CloudWatch.

The names of metrics and of their dimensions are SageMaker's, so that alarms and verdicts read the same, whoever
measured. https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

from dataclasses import dataclass

OF_SAGEMAKER = "AWS/SageMaker"
"""The namespace of what SageMaker measures."""
INVOCATIONS, MODEL_LATENCY = "Invocations", "ModelLatency"
FAILED, REFUSED = "Invocation5XXErrors", "Invocation4XXErrors"
ENDPOINT, VARIANT = "EndpointName", "VariantName"


def name_namespace(prefix: str) -> str:
    """The namespace of what functions measure of models: no name of ours may begin as AWS's own do."""
    return f"{prefix}/models"


@dataclass(frozen=True)
class Measured:
    """One invocation.

    Attributes:
        endpoint: its name.
        variant: the variant that was asked, or given a copy.
        latency_us: how long the model took, in microseconds; None where it gave no answer.
        failed: whether that was the model's doing.
        refused: whether it did not take what it was asked.
    """

    endpoint: str
    variant: str
    latency_us: float | None
    failed: bool = False
    refused: bool = False
