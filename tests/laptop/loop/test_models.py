"""From a snapshot to a champion: training, evaluating, approval, rollout, and what stops them."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from backports import tarfile

from laptop.recorder import make_inbox
from noriba.aws.endpoints import find_status
from noriba.aws.objects import split_uri
from noriba.client import StepFailedError, abort_rollout, approve_model, wait_for_rollout
from noriba.events import DataFacts, RetrainingDecided, RetrainingWeighed
from noriba.records.evidence import Evidence
from noriba.records.names import name_endpoint
from noriba.records.snapshot import name_channel_manifest, name_manifest
from noriba.training.bundles import load_bundle, save_bundle
from tests.laptop.loop.conftest import RIDE

if TYPE_CHECKING:
    from pathlib import Path

    from laptop.recorder import BusRecorder
    from noriba.aws.registry import ModelPackage
    from noriba.records.snapshot import SnapshotManifest
    from tests.laptop.loop.conftest import Caller, Loop

PREDICTIONS = "/v1/taxi_eta/predictions"


def read_uri(loop: Loop, uri: str) -> bytes:
    bucket, key = split_uri(uri)
    return loop.session.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def list_endpoints(loop: Loop) -> list[str]:
    """Whatever stands, in service or not."""
    return [found["EndpointName"] for found in loop.session.clients.sagemaker.list_endpoints()["Endpoints"]]


def count_rollouts(loop: Loop) -> int:
    return sum(loop.session.history("rollout").count().values())


def test_a_candidate_waits_with_its_evidence_its_lineage_and_a_card(
    loop: Loop, bus: BusRecorder, candidate: ModelPackage, snapshot: SnapshotManifest
) -> None:
    evidence = Evidence.model_validate_json(read_uri(loop, candidate.metadata["evaluation_uri"]))
    assert evidence.candidate.mae < 0.8 * evidence.baseline.mae
    assert evidence.snapshot_id == candidate.metadata["snapshot_id"] == snapshot.snapshot_id
    assert evidence.bundle_digest == candidate.metadata["bundle_digest"]
    card = json.loads(loop.session.registry.read_card(candidate.arn))
    assert card["additional_information"]["custom_details"]["snapshot"] == snapshot.snapshot_id
    # The package is there a moment before it is announced.
    (announced,) = loop.eventually(lambda: bus.find("CandidateRegistered", model_package_arn=candidate.arn))
    assert announced["approval_status"] == "PendingManualApproval"


def test_before_the_first_approval_the_api_says_that_there_is_no_model(
    answer_without_model: tuple[int, dict[str, Any]],
) -> None:
    status, problem = answer_without_model
    assert status == 503
    assert "no model is in production yet" in problem["detail"]


def test_an_approved_candidate_answers_over_https(loop: Loop, champion: ModelPackage) -> None:
    answer = loop.api.predict("taxi_eta", RIDE).answer
    (prediction,) = answer["predictions"]
    assert answer["model_version"] == champion.version
    assert 60 < prediction["eta_low_s"] < prediction["eta_s"] < prediction["eta_high_s"] < 7200


def test_a_rollout_is_told_stage_by_stage_and_leaves_no_staging_endpoint(
    loop: Loop, bus: BusRecorder, champion: ModelPackage
) -> None:
    stages = [detail["stage"] for detail in bus.find("RolloutAdvanced", model_package_arn=champion.arn)]
    assert stages == ["staging", "production"]
    assert bus.find("RolloutCompleted", model_package_arn=champion.arn)
    assert loop.eventually(lambda: list_endpoints(loop) == ["noriba-taxi-eta"]), "staging takes a moment to go"


def test_a_second_candidate_is_judged_beside_the_champion(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    evidence = Evidence.model_validate_json(read_uri(loop, challenger.metadata["evaluation_uri"]))
    assert evidence.champion is not None
    assert evidence.champion.rows == evidence.candidate.rows
    assert challenger.version == champion.version + 1


def test_every_decision_is_listed_and_announced_with_what_it_rests_upon(
    loop: Loop, bus: BusRecorder, snapshot: SnapshotManifest, challenger: ModelPackage
) -> None:
    listed = loop.run_json("noriba", "retraining", "history", "--json")

    assert [one["decided_at"] for one in listed] == sorted((one["decided_at"] for one in listed), reverse=True)
    first, by_hand = listed[-1], next(one for one in listed if one["cause"] == "RetrainingRequested")
    assert (first["outcome"], first["cause"]) == ("start", "DatasetSnapshotCreated")
    assert first["evidence"]["data"]["rows"] == snapshot.rows_kept
    assert first["evidence"]["data"]["landed_quarantined"] == snapshot.rows_quarantined > 0
    assert by_hand["decision_id"] == challenger.metadata["decision_id"]
    assert by_hand["evidence"]["data"]["later_rows"] > 0
    assert by_hand["evidence"]["champion_snapshot_id"] == by_hand["evidence"]["last_training"]["snapshot_id"]
    (announced,) = loop.eventually(lambda: bus.find("RetrainingWeighed", decision_id=by_hand["decision_id"]))
    assert announced == by_hand["evidence"]


def test_neither_waiting_nor_rejected_nor_an_edit_starts_a_rollout(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    before = count_rollouts(loop)
    loop.session.as_approver().reject(challenger.arn, note="not yet")
    # An edit of the approved champion is told with its status as well, and is no approval.
    edit = {"CustomerMetadataProperties": {"reviewed_by": "the night shift"}}
    loop.session.clients.sagemaker.update_model_package(ModelPackageArn=champion.arn, **edit)  # type: ignore[arg-type]
    # Their events have been delivered when an event sent after it has arrived.
    sqs, events = loop.session.clients.sqs, loop.session.clients.events
    url, arn = make_inbox(loop.session.clients, f"after-{uuid.uuid4().hex[:8]}")
    events.put_rule(Name="after", EventPattern=json.dumps({"source": ["test.after"]}))
    events.put_targets(Rule="after", Targets=[{"Id": "queue", "Arn": arn}])
    events.put_events(Entries=[{"Source": "test.after", "DetailType": "after", "Detail": "{}"}])
    loop.eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert count_rollouts(loop) == before
    champion_now = loop.session.ledger.read_champion()
    assert champion_now is not None
    assert champion_now.model_package_arn == champion.arn


def test_a_new_champion_takes_over_without_one_failed_request(
    loop: Loop, challenger: ModelPackage, caller: Caller
) -> None:
    with caller:
        loop.eventually(lambda: len(caller.answers) > 20)
        loop.roll_out(challenger)
        asked = len(caller.answers)
        loop.eventually(lambda: len(caller.answers) > asked + 20)
    assert {status for status, _version in caller.answers} == {200}
    versions = [version for _status, version in caller.answers]
    assert versions == sorted(versions, key=lambda version: version or 0)
    assert set(versions) == {challenger.version - 1, challenger.version}


def test_an_earlier_version_can_be_rolled_back_to(loop: Loop, champion: ModelPackage, challenger: ModelPackage) -> None:
    assert challenger.version
    told = loop.run("noriba", "approve", str(champion.version))
    assert told.returncode == 0, told.stderr
    assert f"production goes back to it from version {challenger.version}" in told.stdout + told.stderr
    answer = loop.api.predict("taxi_eta", RIDE).answer
    assert answer["model_version"] == champion.version


def test_going_back_needs_no_approval_and_is_recorded_with_who_and_why(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    def go_back(reason: str) -> int:
        done = loop.run("noriba", "rollback", "--reason", reason)
        assert done.returncode == 0, done.stderr
        return int(loop.api.predict("taxi_eta", RIDE).answer["model_version"])

    # To the champion before this one, and from there to the one before that.
    assert go_back("the new one is late at night") == challenger.version
    assert go_back("the old one was better after all") == champion.version

    latest, before = loop.run_json("noriba", "rollout", "history", "--json")[:2]
    assert (latest["version"], latest["status"]) == (champion.version, "succeeded")
    assert latest["cause"] == "back, by arn:aws:iam::123456789012:root: the old one was better after all"
    assert before["version"] == challenger.version
    nowhere = loop.run("noriba", "rollback", "99", "--reason", "a typing error")
    assert (nowhere.returncode, "no version 99; versions of taxi_eta" in nowhere.stderr) == (1, True)


def test_a_rollout_is_aborted_before_production_was_touched(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    none = loop.run("noriba", "rollout", "abort", "--reason", "cold feet")
    assert (none.returncode, "no rollout of taxi_eta is under way" in none.stderr) == (1, True)
    loop.session.as_approver().approve(challenger.arn, note="to be aborted")
    loop.eventually(lambda: [name for name in list_endpoints(loop) if "-staging-" in name])

    assert abort_rollout(loop.session, reason="cold feet") is False

    aborted = loop.run_json("noriba", "rollout", "history", "--json")[0]
    assert (aborted["version"], aborted["status"]) == (challenger.version, "aborted")
    assert "cold feet" in aborted["failure"]
    assert loop.api.predict("taxi_eta", RIDE).answer["model_version"] == champion.version
    loop.eventually(lambda: not [name for name in list_endpoints(loop) if "-staging-" in name], within_s=60)


def test_a_rollout_that_is_aborted_while_production_changes_ends_with_the_champion_serving(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    endpoint = name_endpoint("taxi_eta", prefix="noriba")
    loop.session.as_approver().approve(challenger.arn, note="to be aborted, too late")
    loop.eventually(lambda: find_status(loop.session.clients.sagemaker, endpoint) == "Updating", within_s=60)

    assert abort_rollout(loop.session, reason="much too slow") is True

    assert loop.api.predict("taxi_eta", RIDE).answer["model_version"] == champion.version
    assert "much too slow" in loop.run_json("noriba", "rollout", "history", "--json")[0]["failure"]


def test_the_champion_approved_again_is_rolled_out_again_and_rejected_goes_on_serving(
    loop: Loop, champion: ModelPackage
) -> None:
    known = count_rollouts(loop)
    again = loop.run("noriba", "approve", str(champion.version))
    rejected = loop.run("noriba", "reject", str(champion.version))
    loop.session.as_approver().approve(champion.arn, note="good after all")

    assert again.returncode == 0, again.stderr
    assert "it is in production already, and is rolled out once more" in again.stdout + again.stderr
    assert "goes on answering in production until another version is approved" in rejected.stdout
    answer = loop.api.predict("taxi_eta", RIDE).answer
    assert answer["model_version"] == champion.version
    loop.eventually(lambda: count_rollouts(loop) == known + 2)
    loop.eventually(lambda: list_rollouts(loop)[0]["status"] == "SUCCEEDED", within_s=120)


def list_rollouts(loop: Loop) -> list[dict[str, Any]]:
    """The rollouts' executions, the latest first."""
    machine = loop.session.deployment.rollout_machine_arn
    found: Any = loop.session.clients.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return list(found)


def list_states(loop: Loop, execution_arn: str) -> list[str]:
    """The states that an execution entered."""
    history = loop.session.clients.stepfunctions.get_execution_history(executionArn=execution_arn, maxResults=1000)
    entered = [event.get("stateEnteredEventDetails") for event in history["events"]]
    return [details["name"] for details in entered if details]


def test_two_approvals_at_once_are_rolled_out_one_after_the_other(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    known = len(list_rollouts(loop))
    for package in (challenger, champion):
        loop.session.as_approver().approve(package.arn, note="at once")

    def find_ended() -> list[dict[str, Any]]:
        new = list_rollouts(loop)[:-known]
        return new if len(new) == 2 and all(one["status"] != "RUNNING" for one in new) else []

    ended = loop.eventually(find_ended, within_s=120)
    assert [one["status"] for one in ended] == ["SUCCEEDED", "SUCCEEDED"]
    states = [name for one in ended for name in list_states(loop, one["executionArn"])]
    assert "Wait for the lock" in states
    assert "Free the lock" not in states


def test_a_rollout_that_was_stopped_does_not_lock_out_the_next(loop: Loop, champion: ModelPackage) -> None:
    """An execution that was stopped could not release its lock; here, one that has ended still holds it.

    Whoever comes first frees it: TIDY, or the next rollout.
    """
    stopped = list_rollouts(loop)[0]["executionArn"]
    table = loop.session.clients.dynamodb.Table(loop.session.deployment.ledger_table)
    table.put_item(Item={"use_case": "taxi_eta", "entry": "rollout", "execution": stopped})

    loop.session.as_approver().approve(champion.arn, note="once more")

    loop.eventually(lambda: list_rollouts(loop)[0]["executionArn"] != stopped)
    loop.eventually(lambda: list_rollouts(loop)[0]["status"] == "SUCCEEDED", within_s=120)
    assert "Item" not in table.get_item(Key={"use_case": "taxi_eta", "entry": "rollout"})


def test_a_rollout_that_is_stopped_leaves_nothing_that_costs_money(loop: Loop, champion: ModelPackage) -> None:
    clients, machine = loop.session.clients, loop.session.deployment.rollout_machine_arn
    loop.session.as_approver().approve(champion.arn, note="to be stopped")
    (staging,) = loop.eventually(lambda: [name for name in list_endpoints(loop) if "-staging-" in name])
    (running,) = clients.stepfunctions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    clients.stepfunctions.stop_execution(executionArn=running["executionArn"])

    loop.eventually(lambda: staging not in list_endpoints(loop), within_s=120)
    loop.eventually(lambda: len(clients.sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1, within_s=120)
    assert list_endpoints(loop) == ["noriba-taxi-eta"]
    loop.roll_out(champion)
    loop.eventually(lambda: len(clients.sagemaker.list_models()["Models"]) == 1, within_s=120)


@pytest.fixture
def liar(loop: Loop, champion: ModelPackage, tmp_path: Path) -> ModelPackage:
    """A registered model that does not answer as it did in training: its golden answers are others."""
    source = tmp_path / "model"
    with tarfile.open(fileobj=io.BytesIO(read_uri(loop, champion.model_data_uri))) as archive:
        archive.extractall(source, filter="data")
    model, _digest = load_bundle(source)
    golden = json.loads((source / "golden.json").read_text())
    golden["answers"]["value"][3] *= 1.01
    target = tmp_path / "liar"
    target.mkdir()
    extras = {name: (source / name).read_bytes() for name in ("code.zip", "features.json")}
    extras["golden.json"] = json.dumps(golden).encode()
    save_bundle(model, target, extras=extras)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in target.iterdir():
            archive.add(path, path.name)
    bucket, _key = split_uri(champion.model_data_uri)
    loop.session.clients.s3.put_object(Bucket=bucket, Key="liar/model.tar.gz", Body=packed.getvalue())
    answer = loop.session.clients.sagemaker.create_model_package(
        ModelPackageGroupName=champion.group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": champion.image_uri, "ModelDataUrl": f"s3://{bucket}/liar/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    package = loop.session.registry.describe(answer["ModelPackageArn"])
    loop.session.ledger.record_registration(
        package.arn,
        image_uri=package.image_uri,
        model_data_uri=package.model_data_uri,
        sha256=hashlib.sha256(packed.getvalue()).hexdigest(),
    )
    return package


def test_a_model_that_fails_golden_requests_never_reaches_production(
    loop: Loop, bus: BusRecorder, champion: ModelPackage, liar: ModelPackage
) -> None:
    production = loop.session.clients.sagemaker.describe_endpoint(EndpointName="noriba-taxi-eta")
    approval = approve_model(loop.session, liar, note="approved in error")
    with pytest.raises(StepFailedError, match="value of recorded row 3"):
        wait_for_rollout(loop.session, approval, limit_s=120)
    (told,) = loop.eventually(lambda: bus.find("RolledBack", model_package_arn=liar.arn))
    assert told["error"] == "GoldenRequestsFailedError"
    after = loop.session.clients.sagemaker.describe_endpoint(EndpointName="noriba-taxi-eta")
    assert after["EndpointConfigName"] == production["EndpointConfigName"]
    answer = loop.api.predict("taxi_eta", RIDE).answer
    assert answer["model_version"] == champion.version
    assert loop.eventually(lambda: list_endpoints(loop) == ["noriba-taxi-eta"]), "staging takes a moment to go"


def point_at(loop: Loop, package: ModelPackage, model_data_uri: str) -> None:
    """What whoever may update a package can do."""
    loop.session.clients.sagemaker.update_model_package(
        ModelPackageArn=package.arn,
        InferenceSpecification={
            "Containers": [{"Image": package.image_uri, "ModelDataUrl": model_data_uri}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )


def test_a_package_that_points_elsewhere_since_it_was_judged_is_not_rolled_out(
    loop: Loop, champion: ModelPackage, challenger: ModelPackage
) -> None:
    point_at(loop, challenger, champion.model_data_uri)
    approval = approve_model(loop.session, challenger, note="approved unseen")

    with pytest.raises(StepFailedError, match="PackageChangedError"):
        wait_for_rollout(loop.session, approval, limit_s=120)

    point_at(loop, challenger, challenger.model_data_uri)
    answer = loop.api.predict("taxi_eta", RIDE).answer
    assert answer["model_version"] == champion.version


@pytest.fixture
def doomed(loop: Loop, snapshot: SnapshotManifest) -> RetrainingDecided:
    """A decision to train on a snapshot whose part is not what its manifest pins."""
    part = snapshot.parts[0].model_copy(update={"sha256": "0" * 64})
    manifest = snapshot.model_copy(update={"snapshot_id": "snap-doomed", "parts": (part, *snapshot.parts[1:])})
    datasets = loop.session.datasets
    channel = name_channel_manifest("taxi_eta", snapshot.snapshot_id)
    datasets.write(name_channel_manifest("taxi_eta", "snap-doomed"), datasets.read(channel))
    key = name_manifest("taxi_eta", "snap-doomed")
    datasets.write(key, manifest.model_dump_json().encode())
    decision = decide("snap-doomed", datasets.uri(key))
    data = DataFacts(
        snapshot_id="snap-doomed",
        rows=snapshot.rows_kept,
        new_rows=0,
        later_rows=0,
        later_days=0.0,
        landed_rows=0,
        landed_quarantined=0,
    )
    evidence = RetrainingWeighed(
        use_case="taxi_eta",
        decision_id=decision.decision_id,
        outcome="start",
        cause=decision.cause,
        reason=decision.reason,
        data=data,
    )
    loop.session.ledger.record_decision(decision, evidence, now=datetime.now(UTC))
    return decision


def decide(snapshot_id: str, manifest_uri: str) -> RetrainingDecided:
    """What an event of a decision says."""
    decision_id = f"test-{uuid.uuid4().hex[:6]}"
    return RetrainingDecided(
        use_case="taxi_eta",
        decision_id=decision_id,
        train=True,
        cause="test",
        reason="test",
        snapshot_id=snapshot_id,
        manifest_uri=manifest_uri,
        training_job_name=f"taxi-eta-{decision_id}",
    )


def test_training_that_fails_registers_nothing_and_says_why_with_the_containers_error_message(
    loop: Loop, bus: BusRecorder, champion: ModelPackage, doomed: RetrainingDecided
) -> None:
    assert champion
    clients = loop.session.clients
    before = [package.version for package in loop.session.registry.list_packages()]
    clients.events.put_events(Entries=[doomed.entry(bus=loop.session.deployment.bus_name)])  # type: ignore[list-item]
    (told,) = loop.eventually(lambda: bus.find("TrainingFailed", decision_id=doomed.decision_id))
    assert f"CorruptSnapshotError: part {'0' * 64} of the snapshot is not in the channel" in told["cause"]
    history = loop.session.history("train")
    since = datetime.now(UTC) - timedelta(hours=1)
    failed = loop.eventually(lambda: _if_failed(history.find(doomed.decision_id, since=since)))
    assert "CorruptSnapshotError" in failed.cause
    assert [package.version for package in loop.session.registry.list_packages()] == before
    loop.eventually(lambda: [name for name in list_alarms(loop) if "noriba-training-TrainFailed" in name])


def list_alarms(loop: Loop) -> list[str]:
    """Those that are in alarm; others' failures may be among them."""
    alarms = loop.session.clients.cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in alarms]


def test_a_forged_decision_trains_nothing(loop: Loop, champion: ModelPackage, snapshot: SnapshotManifest) -> None:
    assert champion
    clients = loop.session.clients
    manifest = loop.session.datasets.uri(name_manifest("taxi_eta", snapshot.snapshot_id))
    forged = decide(snapshot.snapshot_id, manifest)

    clients.events.put_events(Entries=[forged.entry(bus=loop.session.deployment.bus_name)])  # type: ignore[list-item]

    history = loop.session.history("train")
    since = datetime.now(UTC) - timedelta(hours=1)
    failed = loop.eventually(lambda: _if_failed(history.find(forged.decision_id, since=since)))
    assert failed.error == "UnknownDecisionError"
    jobs = clients.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert forged.training_job_name not in [job["TrainingJobName"] for job in jobs]


def test_training_that_a_person_asks_for_and_stops_registers_nothing_and_frees_the_way(
    loop: Loop, bus: BusRecorder, champion: ModelPackage
) -> None:
    assert champion
    ledger, sagemaker = loop.session.ledger, loop.session.clients.sagemaker
    loop.eventually(lambda: not ledger.read_training().running)  # type: ignore[union-attr]
    before = [package.version for package in loop.session.registry.list_packages()]
    known = len(find_asked(loop))

    waiting = ThreadPoolExecutor().submit(loop.run, "noriba", "retrain", "--wait", "--note", "the road was closed")
    asked = loop.eventually(lambda: find_asked(loop)[known:])[0]
    assert asked.train, asked.reason
    job = asked.training_job_name
    loop.eventually(
        lambda: job in [one["TrainingJobName"] for one in sagemaker.list_training_jobs()["TrainingJobSummaries"]]
    )
    # Not by the AWS CLI: the job may be done before that has started.
    sagemaker.stop_training_job(TrainingJobName=job)

    assert loop.eventually(lambda: bus.find("TrainingFailed", decision_id=asked.decision_id))
    assert sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopped"
    assert [package.version for package in loop.session.registry.list_packages()] == before
    told = waiting.result()
    assert told.returncode == 1
    assert "training failed" in told.stderr
    loop.eventually(lambda: not ledger.read_training().running)  # type: ignore[union-attr]


def find_asked(loop: Loop) -> list[RetrainingDecided]:
    """Decisions that somebody asked for, the oldest first."""
    return [one for one in loop.session.ledger.list_decisions() if one.cause == "RetrainingRequested"]


def _if_failed(execution: Any) -> Any:
    return execution if execution is not None and execution.failed else None
