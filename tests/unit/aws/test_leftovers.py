"""What rollouts leave is removed, and nothing that production or a rollout under way needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from moto.sagemaker.models import sagemaker_backends

from noriba.aws.leftovers import Leftovers
from noriba.aws.teardown import EndpointBusyError, remove_endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sagemaker import SageMakerClient

    from noriba.aws.clients import Clients

ENDPOINT = "noriba-taxi-eta"
SERVING, REPLACED, COMING = (f"{ENDPOINT}-v{number}-0000000{number}" for number in (2, 1, 3))
STAGING, COMING_STAGING = (f"{ENDPOINT}-staging-{attempt}" for attempt in ("aaaaaaaa", "bbbbbbbb"))
OTHERS = (f"{ENDPOINT}-tokyo-v1-00000001", f"{ENDPOINT}-by-hand", f"{ENDPOINT}-tokyo-staging-aaaaaaaa")
ROLE = "arn:aws:iam::123456789012:role/model"


@pytest.fixture
def sagemaker(clients: Clients) -> Iterator[SageMakerClient]:
    yield clients.sagemaker
    backend(clients.sagemaker).reset()


def backend(sagemaker: SageMakerClient) -> Any:
    return sagemaker_backends["123456789012"][sagemaker.meta.region_name]


def make(sagemaker: SageMakerClient, name: str, *, model: str | None = None, endpoint: bool = False) -> None:
    """A configuration and its model, of that name too unless said, and an endpoint of that name."""
    model = model or name
    sagemaker.create_model(ModelName=model, PrimaryContainer={"Image": "image"}, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    )
    if endpoint:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def set_status(sagemaker: SageMakerClient, name: str, status: str) -> None:
    """moto's endpoints are in service at once; AWS's take minutes."""
    backend(sagemaker).endpoints[name].endpoint_status = status


def names(sagemaker: SageMakerClient) -> set[str]:
    """Everything there is."""
    return {
        *(one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]),
        *(one["EndpointConfigName"] for one in sagemaker.list_endpoint_configs()["EndpointConfigs"]),
        *(one["ModelName"] for one in sagemaker.list_models()["Models"]),
    }


def serve(sagemaker: SageMakerClient) -> None:
    """Production, with version 2."""
    make(sagemaker, SERVING)
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=SERVING)


def test_a_model_that_was_replaced_goes_and_the_one_that_serves_stays(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    make(sagemaker, REPLACED)

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert names(sagemaker) == {ENDPOINT, SERVING}
    assert (tidied.endpoints, tidied.configurations, tidied.models, tidied.pending) == (0, 1, 1, 0)


def test_staging_that_outlived_its_execution_goes_with_its_configuration_and_model(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    make(sagemaker, STAGING, model=COMING, endpoint=True)

    first = Leftovers(sagemaker, ENDPOINT).remove(owned=())
    second = Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert (first.endpoints, first.configurations, first.pending) == (1, 0, 1), "its configuration is in use until then"
    assert (second.configurations, second.models, second.pending) == (1, 1, 0)
    assert names(sagemaker) == {ENDPOINT, SERVING}


def test_what_a_rollout_under_way_makes_is_its_own(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    make(sagemaker, COMING_STAGING, model=COMING, endpoint=True)
    before = names(sagemaker)

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned={COMING_STAGING, COMING})

    assert names(sagemaker) == before
    assert tidied.pending == 0


def test_what_a_rollout_makes_after_the_look_is_not_touched(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    leftovers = Leftovers(sagemaker, ENDPOINT)
    make(sagemaker, COMING_STAGING, model=COMING, endpoint=True)
    before = names(sagemaker)

    leftovers.remove(owned=())

    assert names(sagemaker) == before


@pytest.mark.parametrize("status", ["Creating", "Updating", "Deleting"])
def test_staging_that_cannot_be_deleted_yet_is_looked_at_again(sagemaker: SageMakerClient, status: str) -> None:
    serve(sagemaker)
    make(sagemaker, STAGING, model=COMING, endpoint=True)
    set_status(sagemaker, STAGING, status)
    before = names(sagemaker)

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert names(sagemaker) == before
    assert (tidied.endpoints, tidied.models, tidied.pending) == (0, 0, 1)


def test_while_production_changes_no_model_is_removed(sagemaker: SageMakerClient) -> None:
    """Which of the two it will serve is not decided."""
    serve(sagemaker)
    make(sagemaker, COMING)
    set_status(sagemaker, ENDPOINT, "Updating")

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert {SERVING, COMING} <= names(sagemaker)
    assert tidied.pending == 1


def test_what_rollouts_do_not_name_so_is_left_alone(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    for name in OTHERS:
        make(sagemaker, name)

    Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert set(OTHERS) <= names(sagemaker)


def test_where_nothing_is_in_production_what_was_tried_goes(sagemaker: SageMakerClient) -> None:
    make(sagemaker, COMING)

    Leftovers(sagemaker, ENDPOINT).remove(owned=())

    assert names(sagemaker) == set()


# --- tearing down -----------------------------------------------------------------------------------------------------


def test_tearing_down_waits_for_an_endpoint_that_is_being_made(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    set_status(sagemaker, ENDPOINT, "Creating")
    told: list[str] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            set_status(sagemaker, ENDPOINT, "InService")

    count = remove_endpoints(sagemaker, prefix=ENDPOINT, tell=told.append, pause=pause)

    assert count == 3
    assert names(sagemaker) == set()
    assert told == [f"waiting for endpoint {ENDPOINT}: Creating"] * 3


def test_tearing_down_does_not_wait_for_ever(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    set_status(sagemaker, ENDPOINT, "Updating")

    with pytest.raises(EndpointBusyError, match=f"{ENDPOINT} is Updating since an hour; try again"):
        remove_endpoints(sagemaker, prefix=ENDPOINT, tell=lambda _text: None, pause=lambda _seconds: None)
