"""How endpoints are configured: what they capture, and that they keep nothing unencrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.infra.executions import list_tasks

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly


def test_what_production_is_asked_and_answers_is_captured_and_staging_s_is_not(
    definition: dict[str, Any], customised: Assembly
) -> None:
    def capture(machine: dict[str, Any], stage: str) -> Any:
        [state] = [state for name, state in list_tasks(machine["States"]) if name == f"Configure {stage}"]
        return state["Parameters"].get("DataCaptureConfig")

    found = capture(definition, "production")
    other = customised.machine("RolloutMachine")

    assert found == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://<CapturesBucket>",
        "KmsKeyId": "<Key.Arn>",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    assert capture(definition, "staging") is None
    assert capture(other, "production")["InitialSamplingPercentage"] == 25


def test_endpoints_keep_no_data_unencrypted(definition: dict[str, Any]) -> None:
    configurations = [s for name, s in list_tasks(definition["States"]) if name.startswith("Configure")]

    assert len(configurations) == 4
    for state in configurations:
        assert state["Parameters"]["KmsKeyId"] == "<Key.Arn>"
