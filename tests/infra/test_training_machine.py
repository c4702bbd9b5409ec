"""TRAIN: one decision, one job, one candidate; the lock is given back whichever way it ends."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.constructs.model_image import DOCKER_MANIFEST
from infra.machines.training import METRICS
from noriba.events import CandidateRegistered, RetrainingDecided, TrainingFailed
from tests.infra.conftest import OVERRIDES
from tests.infra.executions import EXECUTION_ID, Execution, Failure, answer_function, list_tasks, run_machine

if TYPE_CHECKING:
    from tests.infra.assembly import Assembly

DECISION = RetrainingDecided(
    use_case="taxi_eta",
    decision_id="d1",
    train=True,
    cause="DatasetSnapshotCreated",
    reason="enough new rows",
    snapshot_id="s1",
    manifest_uri="s3://datasets/taxi_eta/snapshots/s1/manifest.json",
    training_job_name="noriba-taxi-eta-d1",
)
CHAMPION = DECISION.model_copy(
    update={"champion_package_arn": "arn:aws:sagemaker:::7", "champion_model_uri": "s3://models/champion/model.tar.gz"}
)
CANDIDATE = CandidateRegistered(
    use_case="taxi_eta",
    model_package_arn="arn:aws:sagemaker:::8",
    version=8,
    approval_status="PendingManualApproval",
    snapshot_id="s1",
    training_job_name="noriba-taxi-eta-d1",
    summary="better by 3 %",
)
MODEL_URI = "s3://models/taxi_eta/training/noriba-taxi-eta-d1/output/model.tar.gz"
EVALUATION_URI = "s3://models/taxi_eta/evaluation/noriba-taxi-eta-d1"
TRAINED = {
    "TrainingJobArn": "arn:aws:sagemaker:::training-job/noriba-taxi-eta-d1",
    "AlgorithmSpecification": {"TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:1"},
    "ModelArtifacts": {"S3ModelArtifacts": MODEL_URI},
    "TrainingJobStatus": "Completed",
}
EVALUATED = {"ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": EVALUATION_URI}}]}}
LOST = Failure("DynamoDB.ConditionalCheckFailedException")


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    return assembly.machine("TrainMachine")


def hold(decision: RetrainingDecided, **more: Any) -> dict[str, Any]:
    """What DynamoDB answers who takes a decision."""
    return {"Attributes": {"record": {"S": decision.model_dump_json()}, "train": {"Bool": True}, **more}}


def show(*kinds: str) -> dict[str, Any]:
    """What the registry answers for an image of these manifests."""
    return {"Images": [{"ImageManifest": "{}", "ImageManifestMediaType": kind} for kind in kinds], "Failures": []}


def train(
    definition: dict[str, Any], given: RetrainingDecided = DECISION, /, **answers: dict[str, Any] | Failure
) -> Execution:
    """A training in which all goes well but for what is said."""
    said: dict[str, dict[str, Any] | Failure] = {
        "Take the decision": hold(given),
        "Look at the image": show(DOCKER_MANIFEST),
        "Train": TRAINED,
        "Evaluate": EVALUATED,
        "Evaluate beside the champion": EVALUATED,
        "Register": answer_function(CANDIDATE.model_dump(mode="json")),
    }
    said |= {name.replace("_", " ").capitalize(): answer for name, answer in answers.items()}
    return run_machine(definition, given.model_dump(mode="json"), said)


def test_a_decision_becomes_a_candidate(definition: dict[str, Any]) -> None:
    assert train(definition).visited == (
        "Take the decision",
        "Go by the ledger",
        "Look at the image",
        "Will SageMaker take it?",
        "Train",
        "Is there a champion?",
        "Evaluate",
        "Register",
        "Release the lock",
        "Announce candidate",
        "Candidate registered",
    )


def test_a_candidate_is_judged_beside_the_champion_where_there_is_one(definition: dict[str, Any]) -> None:
    execution = train(definition, CHAMPION)

    assert "Evaluate beside the champion" in execution.visited
    assert "Evaluate" not in execution.visited


def test_the_job_is_named_by_the_decision_and_sees_only_its_snapshot(definition: dict[str, Any]) -> None:
    job = train(definition).called("Train")
    channels = {c["ChannelName"]: c["DataSource"]["S3DataSource"] for c in job["InputDataConfig"]}

    assert job["TrainingJobName"] == DECISION.training_job_name
    assert job["HyperParameters"] == {"use_case": "taxi_eta"}
    assert channels.keys() == {"snapshot", "parts"}
    assert channels["snapshot"]["S3Uri"] == DECISION.manifest_uri
    assert channels["parts"]["S3Uri"] == "s3://<DatasetsBucket>/taxi_eta/snapshots/s1/channel.manifest"
    assert channels["parts"]["S3DataType"] == "ManifestFile"


@pytest.mark.parametrize("state", ["Train", "Evaluate"])
def test_jobs_have_no_network_and_encrypt_what_they_write(definition: dict[str, Any], state: str) -> None:
    job = train(definition).called(state)
    networks = [job.get("EnableNetworkIsolation"), job.get("NetworkConfig", {}).get("EnableNetworkIsolation")]
    output = job.get("OutputDataConfig") or job["ProcessingOutputConfig"]
    volumes = job.get("ResourceConfig") or job["ProcessingResources"]["ClusterConfig"]

    assert True in networks
    assert output["KmsKeyId"] == "<Key.Arn>"
    assert volumes["VolumeKmsKeyId"] == "<Key.Arn>"
    assert job["RoleArn"] == "<JobsRole.Arn>"


def test_the_metrics_of_the_container_are_read_from_its_log(definition: dict[str, Any]) -> None:
    definitions = train(definition).called("Train")["AlgorithmSpecification"]["MetricDefinitions"]

    assert [d["Name"] for d in definitions] == list(METRICS)
    for metric in definitions:
        found = re.search(metric["Regex"], f"metric {metric['Name']}=1.25e-3;")
        assert found is not None
        assert float(found[1]) == 0.00125


def test_the_evaluation_sees_the_snapshot_the_candidate_and_the_champion(definition: dict[str, Any]) -> None:
    job = train(definition, CHAMPION).called("Evaluate beside the champion")
    inputs = {i["InputName"]: i["S3Input"]["S3Uri"] for i in job["ProcessingInputs"]}

    assert inputs == {
        "snapshot": DECISION.manifest_uri,
        "parts": "s3://<DatasetsBucket>/taxi_eta/snapshots/s1/channel.manifest",
        "candidate": MODEL_URI,
        "champion": CHAMPION.champion_model_uri,
    }


def test_the_first_candidate_is_judged_alone(definition: dict[str, Any]) -> None:
    job = train(definition).called("Evaluate")

    assert [i["InputName"] for i in job["ProcessingInputs"]] == ["snapshot", "parts", "candidate"]
    assert [o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]] == [
        "s3://<ModelsBucket>/taxi_eta/evaluation/noriba-taxi-eta-d1"
    ]


@pytest.mark.parametrize("decision", [DECISION, CHAMPION], ids=["first", "with champion"])
def test_the_registrar_is_told_the_whole_decision_and_what_was_left(
    definition: dict[str, Any], decision: RetrainingDecided
) -> None:
    task = train(definition, decision).called("Register")["Payload"]

    assert RetrainingDecided.model_validate(task.pop("decision")) == decision
    assert task == {
        "training_job_arn": TRAINED["TrainingJobArn"],
        "image_uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/images:1",
        "model_data_uri": MODEL_URI,
        "evaluation_uri": f"{EVALUATION_URI}/evaluation.json",
    }


def test_the_lock_is_released_before_the_news_so_that_who_hears_it_may_train(definition: dict[str, Any]) -> None:
    execution = train(definition)
    release = execution.called("Release the lock")

    assert execution.visited.index("Release the lock") < execution.visited.index("Announce candidate")
    assert release["TableName"] == "<Ledger>"
    assert release["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": "training"}}
    # Ours or nobody's: a later training may have taken the lock when this one was thought dead.
    assert release["ConditionExpression"] == "decision_id = :mine"
    assert release["ExpressionAttributeValues"][":mine"] == {"S": "d1"}
    assert release["ExpressionAttributeValues"][":failed"] == {"BOOL": False}


def test_the_candidate_is_announced(definition: dict[str, Any]) -> None:
    [(source, detail_type, detail)] = train(definition).published

    assert (source, detail_type) == ("noriba.registry", "CandidateRegistered")
    assert CandidateRegistered.model_validate(detail) == CANDIDATE


def test_a_lock_that_somebody_else_has_by_now_is_left_to_them(definition: dict[str, Any]) -> None:
    execution = train(definition, release_the_lock=LOST)

    assert execution.visited[-1] == "Candidate registered"
    assert len(execution.published) == 1


@pytest.mark.parametrize("step", ["train", "evaluate", "register"])
def test_a_failure_at_any_step_releases_the_lock_says_why_and_fails(definition: dict[str, Any], step: str) -> None:
    failure = Failure("AlgorithmError", "not enough memory")
    execution = train(definition, **{step: failure})
    [(source, detail_type, detail)] = execution.published

    assert execution.visited[-3:] == ("Release the lock after failure", "Announce failure", "Failed")
    # Kept, so that the next run by itself waits longer.
    release = execution.called("Release the lock after failure")
    assert release["UpdateExpression"] == "SET running = :no, failed = :failed"
    assert release["ExpressionAttributeValues"][":failed"] == {"BOOL": True}
    assert execution.failure == failure
    assert (source, detail_type) == ("noriba.training", "TrainingFailed")
    assert TrainingFailed.model_validate(detail) == TrainingFailed(
        use_case="taxi_eta",
        decision_id="d1",
        training_job_name="noriba-taxi-eta-d1",
        error=failure.error,
        cause=failure.cause,
    )


def test_a_failure_is_announced_though_the_lock_was_lost(definition: dict[str, Any]) -> None:
    execution = train(definition, train=Failure("E"), release_the_lock_after_failure=LOST)

    assert [detail_type for _, detail_type, _ in execution.published] == ["TrainingFailed"]
    assert execution.failure == Failure("E")


# --- the image --------------------------------------------------------------------------------------------------------

OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize("kinds", [(OCI,), ("application/vnd.oci.image.index.v1+json",), ()])
def test_an_image_that_sagemaker_will_not_take_is_refused_before_anything_is_trained(
    definition: dict[str, Any], kinds: tuple[str, ...]
) -> None:
    """SageMaker would say so at CreateModel: in the rollout, after training and approval."""
    execution = train(definition, look_at_the_image=show(*kinds))

    assert "Train" not in execution.visited
    assert execution.failure is not None
    assert execution.failure.error == "UnfitImageError"
    assert all(kind in execution.failure.cause for kind in kinds)
    assert "BUILDAH_FORMAT=docker" in execution.failure.cause
    assert [kind for _, kind, _ in execution.published] == ["TrainingFailed"]
    assert "Release the lock after failure" in execution.visited


def test_the_remedy_removes_the_image_wherever_it_would_be_found_again(
    assembly: Assembly, definition: dict[str, Any]
) -> None:
    """The CDK builds no image whose tag the registry or the engine already has."""
    [manifest] = assembly.path.glob("*-training.assets.json")
    [(asset_id, image)] = json.loads(manifest.read_text())["dockerImages"].items()
    [destination] = image["destinations"].values()
    execution = train(definition, look_at_the_image=show(OCI))

    assert execution.failure is not None
    assert f"image rm cdkasset-{asset_id}`" in execution.failure.cause
    assert f"--image-ids imageTag={destination['imageTag']}`" in execution.failure.cause
    assert "--repository-name cdk-hnb659fds-container-assets-" in execution.failure.cause


def test_the_image_is_the_one_that_jobs_and_models_run(definition: dict[str, Any]) -> None:
    execution = train(definition)
    looked = execution.called("Look at the image")
    image = execution.called("Train")["AlgorithmSpecification"]["TrainingImage"]

    assert image.endswith(f"{looked['RepositoryName']}:{looked['ImageIds'][0]['ImageTag']}")
    # The registry converts nothing, and says nothing of kinds that are not asked for.
    assert {DOCKER_MANIFEST, OCI} < set(looked["AcceptedMediaTypes"])


def test_an_image_that_a_registry_has_already_is_looked_at_by_its_digest_and_run_by_it(customised: Assembly) -> None:
    """Whatever is pushed under its tag later, and in whichever account it stands."""
    execution = train(customised.machine("TrainMachine"))
    name, _, digest = OVERRIDES["model_image"].partition("@")
    looked = execution.called("Look at the image")

    assert (looked["RegistryId"], looked["RepositoryName"]) == ("111122223333", "trial-model")
    assert looked["ImageIds"] == [{"ImageDigest": digest}]
    assert execution.called("Train")["AlgorithmSpecification"]["TrainingImage"] == f"{name}@{digest}"


def test_the_remedy_removes_what_was_published_where_it_stands(customised: Assembly) -> None:
    """Nothing is built again under a tag that the repository has."""
    execution = train(customised.machine("TrainMachine"), look_at_the_image=show(OCI))

    assert execution.failure is not None
    digest = OVERRIDES["model_image"].partition("@")[2]
    assert f"--repository-name trial-model --image-ids imageDigest={digest}`" in execution.failure.cause
    assert "in account 111122223333" in execution.failure.cause
    assert "python -m infra.delivery.publish" in execution.failure.cause


# --- whose decision it is ---------------------------------------------------------------------------------------------

TAKEN = {"Item": {"execution": {"S": "another"}, "train": {"Bool": True}}}
REFUSED = {"Item": {"train": {"Bool": False}}}


def test_a_decision_is_taken_for_this_execution_once(definition: dict[str, Any]) -> None:
    taking = train(definition).called("Take the decision")

    assert taking["TableName"] == "<Ledger>"
    assert taking["Key"] == {"use_case": {"S": "taxi_eta"}, "entry": {"S": "decision#d1"}}
    assert taking["ConditionExpression"] == "train = :yes AND (attribute_not_exists(execution) OR execution = :mine)"
    assert taking["ExpressionAttributeValues"] == {":mine": {"S": EXECUTION_ID}, ":yes": {"BOOL": True}}


def test_a_decision_delivered_twice_trains_once_and_keeps_the_lock(definition: dict[str, Any]) -> None:
    execution = train(definition, take_the_decision=LOST, look_for_the_decision=TAKEN)

    assert execution.visited == (
        "Take the decision",
        "Look for the decision",
        "Was it taken before?",
        "Delivered before",
    )
    assert execution.published == []


@pytest.mark.parametrize("known", [{}, REFUSED], ids=["never taken", "answered with no"])
def test_a_decision_that_the_ledger_does_not_hold_starts_nothing_and_is_an_alarm(
    definition: dict[str, Any], known: dict[str, Any]
) -> None:
    execution = train(definition, take_the_decision=LOST, look_for_the_decision=known)

    assert "Train" not in execution.visited
    assert "Release the lock after failure" not in execution.visited
    assert execution.failure is not None
    assert execution.failure.error == "UnknownDecisionError"
    assert execution.published == []


def test_what_the_event_says_beside_the_name_is_not_believed(definition: dict[str, Any]) -> None:
    forged = DECISION.model_copy(update={"manifest_uri": "s3://elsewhere/m.json", "training_job_name": "mine"})

    execution = train(definition, forged, take_the_decision=hold(DECISION))

    assert execution.called("Train")["TrainingJobName"] == DECISION.training_job_name
    assert execution.called("Train")["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == (
        DECISION.manifest_uri
    )


def test_a_job_of_that_name_that_somebody_else_began_is_a_failure(definition: dict[str, Any]) -> None:
    failure = Failure("SageMaker.ResourceInUseException", "exists already")
    execution = train(definition, train=failure)

    assert execution.failure == failure
    assert "Release the lock after failure" in execution.visited


def test_no_step_can_fail_without_the_lock_being_released(definition: dict[str, Any]) -> None:
    states = definition["States"]
    not_ours = {"Take the decision", "Look for the decision"}
    after_release = {"Release the lock", "Announce candidate", "Release the lock after failure", "Announce failure"}

    for name, state in list_tasks(states):
        if name not in after_release | not_ours:
            assert state["Catch"][-1] == {
                "ErrorEquals": ["States.ALL"],
                "ResultPath": "$.failure",
                "Next": "Release the lock after failure",
            }, name
