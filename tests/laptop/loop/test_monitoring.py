"""The monitor looks at what has come until now, and what it finds stands in its report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noriba.records.monitoring import MonitoringReport
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from noriba.client import ModelPackage
    from tests.laptop.loop.conftest import Loop


def test_answers_and_their_outcomes_are_in_the_next_look(loop: Loop, champion: ModelPackage) -> None:
    before = look(loop).parts[0]
    request = load_use_case("taxi_eta").golden_requests[0]
    answer = loop.api.predict("taxi_eta", request).answer
    outcome = {
        "prediction_id": answer["prediction_id"],
        "value": answer["predictions"][0]["eta_s"] + 30.0,
        "observed_at": datetime.now(UTC).isoformat(),
    }
    assert loop.api.post("/v1/taxi_eta/outcomes", outcome)[0] == 202

    # Captures and outcomes take a moment to lie in S3.
    report = loop.eventually(lambda: look_if(loop, more_than=before.with_outcome), within_s=90)

    total = report.parts[0]
    assert report.model_version == champion.version
    assert total.answered > before.answered
    assert total.expected_mae == float(champion.metadata["mae"])
    assert total.mae is not None
    assert total.estimated_mae is not None
    assert {one.kind for one in report.findings} == {"accuracy", "coverage", "drift", "quality", "outcomes"}
    # From here on its outcomes are counted: intervals begin as they were trained.
    begun = loop.session.ledger.read_stretching()
    assert begun is not None
    assert (begun.version, begun.log_stretch, report.stretch) == (champion.version, 0.0, 1.0)
    assert MonitoringReport.model_validate(loop.run_json("noriba", "monitor", "--last", "--json")) == report


def look(loop: Loop) -> MonitoringReport:
    return MonitoringReport.model_validate(loop.run_json("noriba", "monitor", "--json"))


def look_if(loop: Loop, *, more_than: int) -> MonitoringReport | None:
    report = look(loop)
    return report if report.parts[0].with_outcome > more_than else None
