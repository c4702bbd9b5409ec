"""Metrics Insights queries: which series one finds, and what is refused rather than misread."""

from __future__ import annotations

import pytest

from laptop_cloud.extensions.metrics_insights import parse_query

ERRORS = 'SELECT SUM(Invocation5XXErrors) FROM SCHEMA("AWS/SageMaker", EndpointName, VariantName)'
OF_ETA = f"{ERRORS} WHERE EndpointName = 'eta'"


@pytest.mark.parametrize(
    ("query", "namespace", "metric", "dimensions", "fits"),
    [
        (OF_ETA, "AWS/SageMaker", "Invocation5XXErrors", {"EndpointName": "eta", "VariantName": "v1"}, True),
        (OF_ETA, "AWS/SageMaker", "Invocation5XXErrors", {"EndpointName": "eta", "VariantName": "v2"}, True),
        (OF_ETA, "AWS/SageMaker", "Invocation5XXErrors", {"EndpointName": "eta-staging", "VariantName": "v1"}, False),
        (ERRORS, "AWS/SageMaker", "Invocation5XXErrors", {"EndpointName": "other", "VariantName": "v1"}, True),
        # A schema names all dimensions of the series that it finds.
        (OF_ETA, "AWS/SageMaker", "Invocation5XXErrors", {"EndpointName": "eta"}, False),
        (OF_ETA, "AWS/SageMaker", "Invocations", {"EndpointName": "eta", "VariantName": "v1"}, False),
        (OF_ETA, "Custom", "Invocation5XXErrors", {"EndpointName": "eta", "VariantName": "v1"}, False),
    ],
)
def test_a_query_finds_the_series_that_fit(
    query: str, namespace: str, metric: str, dimensions: dict[str, str], *, fits: bool
) -> None:
    assert parse_query(query).fits(namespace, metric, dimensions) is fits


@pytest.mark.parametrize(
    ("function", "statistic"),
    [("AVG", "Average"), ("COUNT", "SampleCount"), ("MAX", "Maximum"), ("MIN", "Minimum"), ("SUM", "Sum")],
)
def test_a_function_is_a_statistic(function: str, statistic: str) -> None:
    assert parse_query(ERRORS.replace("SUM", function)).statistic == statistic


@pytest.mark.parametrize(
    "query",
    [
        f"{ERRORS} GROUP BY VariantName",
        f"{OF_ETA} AND VariantName = 'v1'",
        f"{ERRORS} WHERE EndpointName != 'eta'",
        ERRORS.replace("SUM", "MEDIAN"),
        "SEARCH('MetricName=\"Invocations\"', 'Sum')",
    ],
)
def test_what_is_not_understood_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="does not understand"):
        parse_query(query)
