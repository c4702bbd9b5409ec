"""Two models met by two groups of people, from the command to its end."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from noriba.client.beginning import look_before
from noriba.client.rollouts import describe_approval
from noriba.rollout.assignment import Split
from tests.laptop.loop.test_rollout import check_alone, describe, serve
from usecases.taxi_eta.simulator import observe, simulate

if TYPE_CHECKING:
    from noriba.aws.registry import ModelPackage
    from tests.laptop.loop.conftest import Loop

RIDERS, RIDES = 50, 200


def ride(loop: Loop, subjects: list[str]) -> dict[str, set[int]]:
    """Ask for each subject in turn, report what came of it, and say whom each has met."""
    met: dict[str, set[int]] = {}
    table = simulate(2 * RIDES, seed=31, first_day=date(2026, 3, 9), days=7, fault_share=0.0)
    for number, one in enumerate(islice(observe(table), RIDES)):
        subject = subjects[number % len(subjects)]
        status, answer = loop.api.post("/v1/taxi_eta/predictions", {**one.request, "subject": subject})
        assert status == 200, answer
        met.setdefault(subject, set()).add(answer["model_version"])
        outcome: dict[str, Any] = {
            "prediction_id": answer["prediction_id"],
            "observed_at": datetime.now(UTC).isoformat(),
            "metrics": {"cancelled": number % 10 == 0, "dispatched": True},
        }
        # Who cancels never arrives.
        if number % 10:
            outcome["value"] = one.outcome
        assert loop.api.post("/v1/taxi_eta/outcomes", outcome)[0] == 202
    return met


def test_each_rider_meets_one_of_two_models_and_what_comes_of_it_is_told(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    serve(loop, challenger)
    serve(loop, champion)
    words = ("--reason", "do fewer cancel?", "--json")

    refused = loop.run("noriba", "experiment", "start", str(champion.version), *words)
    assert f"version {champion.version} is the champion" in refused.stderr

    begun = loop.run_json(
        "noriba", "experiment", "start", str(challenger.version), "--percent", "40", "--days", "1", *words
    )
    assert begun == {"version": challenger.version, "champion": champion.version, "percent": 40, "comparing": True}
    assert {one["VariantName"]: one["CurrentWeight"] for one in describe(loop)["ProductionVariants"]} == {
        f"v{champion.version}": 60,
        f"v{challenger.version}": 40,
    }
    again = loop.run("noriba", "experiment", "start", str(challenger.version), *words)
    assert "a rollout is under way" in again.stderr
    assert describe_approval(look_before(loop.session, champion)).endswith(
        f"; the experiment with version {challenger.version} ends for it"
    )

    met = ride(loop, [f"rider {number}" for number in range(RIDERS)])
    lock = loop.session.ledger.read_rollout()
    assert lock is not None
    split = Split(salt=lock.execution, champion=f"v{champion.version}", challenger=f"v{challenger.version}", percent=40)
    assert met == {rider: {int(split.pick(split.find_group(rider))[1:])} for rider in met}
    assert {min(versions) for versions in met.values()} == {champion.version, challenger.version}

    picture = loop.folder / "experiment.svg"
    report = loop.eventually(lambda: _read_whole_report(loop, str(picture)))
    metrics = {one["name"]: one for one in report["metrics"]}
    assert (metrics["cancelled"]["n"], metrics["error"]["n"]) == (RIDES, RIDES - RIDES // 10)
    assert metrics["dispatched"]["champion"] == metrics["dispatched"]["challenger"] == 1.0
    assert 100 < metrics["error"]["champion"] < 500
    assert report["split"]["requests"] == RIDES
    assert report["without_subject"] == 0
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314  # ours

    stopped = loop.run("noriba", "experiment", "stop", "--reason", "seen enough")
    assert stopped.returncode == 0, stopped.stderr
    check_alone(loop, champion)
    history = json.loads(loop.run("noriba", "rollout", "history", "--json").stdout)
    assert (history[0]["status"], history[0]["failure"]) == ("ended", None)
    assert history[0]["cause"].endswith(": do fewer cancel?")
    assert history[0]["steps"][-1]["verdict"]["reason"].endswith(": seen enough")
    # Nobody has to stop it twice, and what was found stays to be read.
    assert "no rollout of taxi_eta is under way" in loop.run("noriba", "experiment", "stop", "--reason", "again").stderr
    assert "200 requests with a subject: too few to say" in loop.run("noriba", "experiment", "report").stdout


def _read_whole_report(loop: Loop, picture: str) -> dict[str, Any] | None:
    """The report, once everything has come to S3."""
    found: dict[str, Any] = loop.run_json("noriba", "experiment", "report", "--picture", picture, "--json")
    known = {one["name"]: one["n"] for one in found["metrics"]}
    return found if known["cancelled"] == RIDES and known["error"] == RIDES - RIDES // 10 else None
