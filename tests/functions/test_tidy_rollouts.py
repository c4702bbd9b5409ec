"""Who owns what a rollout makes: its execution, as long as it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from functions.tidy_rollouts.handler import NotTidiedError, load_dependencies
from functions.tidy_rollouts.handler import handler as tidy_rollouts
from noriba.aws.bus import EventBus, PublishError
from noriba.events import RolledBack, RolloutCompleted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.functions.conftest import Cloud

STAGING, MODEL = "noriba-taxi-eta-staging-aaaaaaaa", "noriba-taxi-eta-v3-aaaaaaaa"
PACKAGE = "arn:aws:sagemaker:ap-northeast-1:123456789012:model-package/noriba-taxi-eta/3"
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def rollout(cloud: Cloud) -> Iterator[str]:
    """A rollout that has made its staging endpoint; its execution."""
    role = "arn:aws:iam::123456789012:role/r"
    sagemaker, sfn = cloud.clients.sagemaker, cloud.clients.stepfunctions
    machine = sfn.create_state_machine(name="rollout", definition=json.dumps(MACHINE), roleArn=role)["stateMachineArn"]
    given = json.dumps({"use_case": "taxi_eta", "model_package_arn": PACKAGE})
    execution = sfn.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={
            "use_case": "taxi_eta",
            "entry": "rollout",
            "execution": execution,
            "staging": STAGING,
            "model": MODEL,
        }
    )
    sagemaker.create_model(ModelName=MODEL, PrimaryContainer={"Image": "image"}, ExecutionRoleArn=role)
    variant = {"VariantName": "v3", "ModelName": MODEL, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=STAGING, ProductionVariants=[variant])  # type: ignore[list-item]
    sagemaker.create_endpoint(EndpointName=STAGING, EndpointConfigName=STAGING)
    yield execution
    sfn.delete_state_machine(stateMachineArn=machine)
    for endpoint in sagemaker.list_endpoints()["Endpoints"]:
        sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])
    for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    for model in sagemaker.list_models()["Models"]:
        sagemaker.delete_model(ModelName=model["ModelName"])


@pytest.mark.usefixtures("rollout")
def test_while_a_rollout_runs_its_staging_is_its_own(cloud: Cloud, context: LambdaContext) -> None:
    assert tidy_rollouts({}, context)["done"]

    assert len(cloud.clients.sagemaker.list_endpoints()["Endpoints"]) == 1


def test_where_staging_has_its_own_account_what_was_left_there_goes_too(
    cloud: Cloud, context: LambdaContext, rollout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.clients.stepfunctions.stop_execution(executionArn=rollout)
    role = "arn:aws:iam::666666666666:role/noriba-staging-stage"
    there = cloud.clients.acting_as(role, session_name="test").sagemaker
    there.create_model(ModelName=MODEL, PrimaryContainer={"Image": "image"}, ExecutionRoleArn=role)
    assert len(there.list_models()["Models"]) == 1

    with monkeypatch.context() as patched:
        patched.setenv("STAGING_ROLE_ARN", role)
        load_dependencies.cache_clear()  # type: ignore[attr-defined]  # an lru_cache
        for _ in range(2):
            tidied = tidy_rollouts({}, context)
    load_dependencies.cache_clear()  # type: ignore[attr-defined]

    assert tidied["done"]
    assert there.list_models()["Models"] == []
    assert cloud.clients.sagemaker.list_models()["Models"] == []


@pytest.mark.parametrize("ending", ["stopped", "forgotten"])
def test_when_it_is_over_what_it_made_is_nobodys(
    cloud: Cloud, context: LambdaContext, rollout: str, ending: str
) -> None:
    if ending == "stopped":
        cloud.clients.stepfunctions.stop_execution(executionArn=rollout)
    else:
        machine = rollout.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        cloud.clients.stepfunctions.delete_state_machine(stateMachineArn=machine)

    first, second = tidy_rollouts({}, context), tidy_rollouts({}, context)

    assert (first["done"], first["endpoints"]) == (False, 1)
    assert (second["done"], second["configurations"], second["models"]) == (True, 1, 1)
    assert cloud.clients.sagemaker.list_models()["Models"] == []
    assert cloud.ledger().read_rollout() is None


def test_what_a_stopped_rollout_could_not_say_is_said_at_once_and_once(
    cloud: Cloud, context: LambdaContext, rollout: str
) -> None:
    """Before all is in order: who approves again meanwhile needs the lock."""
    # moto keeps no cause.
    cloud.clients.stepfunctions.stop_execution(executionArn=rollout)

    assert not tidy_rollouts({}, context)["done"]
    [told] = cloud.hear()
    lock = cloud.ledger().read_rollout()
    assert lock is not None
    assert lock.told
    for _ in range(2):
        assert tidy_rollouts({}, context)["done"]

    assert cloud.hear() == []
    assert cloud.ledger().read_rollout() is None
    assert (told["source"], told["detail-type"]) == ("noriba.rollout", "RolledBack")
    assert RolledBack.model_validate(told["detail"]) == RolledBack(
        use_case="taxi_eta",
        model_package_arn=PACKAGE,
        error="Aborted",
        reason="its execution was stopped, and nobody said why",
    )


def test_what_a_stopped_rollout_left_is_put_right_though_nobody_can_be_told(
    cloud: Cloud, context: LambdaContext, rollout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As production is given back, which moto's SageMaker cannot do."""
    cloud.clients.stepfunctions.stop_execution(executionArn=rollout)

    with monkeypatch.context() as patched:
        patched.setattr(EventBus, "publish", refuse)
        for _ in range(2):
            with pytest.raises(NotTidiedError):
                tidy_rollouts({}, context)
    sagemaker = cloud.clients.sagemaker
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    assert cloud.ledger().read_rollout() is not None

    tidy_rollouts({}, context)
    assert [event["detail-type"] for event in cloud.hear()] == ["RolledBack"]
    assert cloud.ledger().read_rollout() is None


def refuse(_bus: EventBus, _event: object) -> None:
    raise PublishError("RolledBack: ThrottlingException")


def test_a_rollout_that_was_stopped_when_its_model_was_the_champion_is_told_as_completed(
    cloud: Cloud, context: LambdaContext, rollout: str
) -> None:
    cloud.clients.dynamodb.Table("ledger").put_item(
        Item={
            "use_case": "taxi_eta",
            "entry": "champion",
            "model_package_arn": PACKAGE,
            "model_data_uri": "s3://models/x",
            "endpoint_config": MODEL,
        }
    )
    cloud.clients.stepfunctions.stop_execution(executionArn=rollout)

    tidy_rollouts({}, context)

    [told] = cloud.hear()
    assert told["detail-type"] == "RolloutCompleted"
    assert RolloutCompleted.model_validate(told["detail"]) == RolloutCompleted(
        use_case="taxi_eta", model_package_arn=PACKAGE, endpoint_name="noriba-taxi-eta"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [("GoldenRequestsFailedError", []), ("States.TaskFailed", []), ("States.Runtime", ["States.Runtime"])],
)
def test_a_rollout_that_failed_has_said_so_itself_unless_no_state_could_catch_it(
    cloud: Cloud, context: LambdaContext, rollout: str, monkeypatch: pytest.MonkeyPatch, error: str, told: list[str]
) -> None:
    """Its lock may have been read a moment before it let it go."""
    described = cloud.clients.stepfunctions.describe_execution(executionArn=rollout)
    failed = FailedExecutions({**described, "status": "FAILED", "error": error, "cause": "because"})
    monkeypatch.setattr(load_dependencies()[1], "stepfunctions", failed)

    tidy_rollouts({}, context)

    assert [event["detail"]["error"] for event in cloud.hear()] == told


class FailedExecutions:
    """moto fails no execution."""

    def __init__(self, described: object) -> None:
        self._described = described

    def describe_execution(self, *, executionArn: str) -> object:  # noqa: N803  # boto3's name
        assert executionArn
        return self._described


def test_what_is_wrong_with_one_use_case_leaves_no_other_untidied(
    cloud: Cloud, context: LambdaContext, rollout: str
) -> None:
    cloud.clients.stepfunctions.stop_execution(executionArn=rollout)
    broken = {"use_case": "scooter_energy", "entry": "rollout", "execution": rollout, "token": "t", "plan": "no plan"}
    cloud.clients.dynamodb.Table("ledger").put_item(Item=broken)

    with pytest.raises(NotTidiedError, match="rollouts of scooter_energy left"):
        tidy_rollouts({}, context)

    assert cloud.clients.sagemaker.list_endpoints()["Endpoints"] == []
    assert [event["detail"]["use_case"] for event in cloud.hear()] == ["taxi_eta"]


def test_where_nothing_was_ever_rolled_out_nothing_is_done(cloud: Cloud, context: LambdaContext) -> None:
    assert cloud.ledger().read_rollout() is None
    assert tidy_rollouts({}, context) == {
        "done": True,
        "endpoints": 0,
        "configurations": 0,
        "models": 0,
        "restored": 0,
        "pending": 0,
    }
