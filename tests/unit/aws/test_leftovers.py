"""What rollouts leave is removed, and nothing that production or a rollout under way needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
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

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

    assert names(sagemaker) == {ENDPOINT, SERVING}
    assert (tidied.endpoints, tidied.configurations, tidied.models, tidied.pending) == (0, 1, 1, 0)


def test_staging_that_outlived_its_execution_goes_with_its_configuration_and_model(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    make(sagemaker, STAGING, model=COMING, endpoint=True)

    first = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)
    second = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

    assert (first.endpoints, first.configurations, first.pending) == (1, 0, 1), "its configuration is in use until then"
    assert (second.configurations, second.models, second.pending) == (1, 1, 0)
    assert names(sagemaker) == {ENDPOINT, SERVING}


def test_what_a_rollout_under_way_makes_is_its_own(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    make(sagemaker, COMING_STAGING, model=COMING, endpoint=True)
    before = names(sagemaker)

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned={COMING_STAGING, COMING}, champion_config=None)

    assert names(sagemaker) == before
    assert tidied.pending == 0


def test_what_a_rollout_makes_after_the_look_is_not_touched(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    leftovers = Leftovers(sagemaker, ENDPOINT)
    make(sagemaker, COMING_STAGING, model=COMING, endpoint=True)
    before = names(sagemaker)

    leftovers.remove(owned=(), champion_config=None)

    assert names(sagemaker) == before


@pytest.mark.parametrize("status", ["Creating", "Updating", "Deleting"])
def test_staging_that_cannot_be_deleted_yet_is_looked_at_again(sagemaker: SageMakerClient, status: str) -> None:
    serve(sagemaker)
    make(sagemaker, STAGING, model=COMING, endpoint=True)
    set_status(sagemaker, STAGING, status)
    before = names(sagemaker)

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

    assert names(sagemaker) == before
    assert (tidied.endpoints, tidied.models, tidied.pending) == (0, 0, 1)


def test_while_production_changes_no_model_is_removed(sagemaker: SageMakerClient) -> None:
    """Which of the two it will serve is not decided."""
    serve(sagemaker)
    make(sagemaker, COMING)
    set_status(sagemaker, ENDPOINT, "Updating")

    tidied = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

    assert {SERVING, COMING} <= names(sagemaker)
    assert tidied.pending == 1


def test_what_rollouts_do_not_name_so_is_left_alone(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    for name in OTHERS:
        make(sagemaker, name)

    Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

    assert set(OTHERS) <= names(sagemaker)


def test_where_nothing_is_in_production_what_was_tried_goes(sagemaker: SageMakerClient) -> None:
    make(sagemaker, COMING)

    Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=None)

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


# --- a change that is half done ---------------------------------------------------------------------------------------

SHADOW, CANARY = (f"{ENDPOINT}-{stage}-aaaaaaaa" for stage in ("shadow", "canary"))


@pytest.fixture
def updating(sagemaker: SageMakerClient) -> Iterator[None]:
    """UpdateEndpoint, which moto does not know: the endpoint has the other configuration at once."""

    def update(params: dict[str, Any], **_event: object) -> tuple[AWSResponse, dict[str, Any]]:
        asked = json.loads(params["body"])
        backend(sagemaker).endpoints[asked["EndpointName"]].endpoint_config_name = asked["EndpointConfigName"]
        return AWSResponse(params["url"], 200, HTTPHeaders(), None), {}

    event = "before-call.sagemaker.UpdateEndpoint"
    sagemaker.meta.events.register(event, update)  # type: ignore[arg-type]  # an answer makes the call unnecessary
    yield
    sagemaker.meta.events.unregister(event, update)  # type: ignore[arg-type]  # likewise


@pytest.fixture(params=[SHADOW, CANARY, COMING])
def half_way(sagemaker: SageMakerClient, updating: None, request: pytest.FixtureRequest) -> str:  # noqa: ARG001  # it is there
    """Production as a rollout that was stopped left it; its configuration."""
    serve(sagemaker)
    name: str = request.param
    make(sagemaker, name, model=COMING)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)
    return name


def serves(sagemaker: SageMakerClient) -> str:
    return sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]


def test_what_a_stopped_rollout_left_half_way_is_the_champion_s_again(
    sagemaker: SageMakerClient, half_way: str
) -> None:
    first = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=SERVING)
    second = Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=SERVING)

    assert serves(sagemaker) == SERVING != half_way
    assert (first.restored, first.pending) == (1, 1)
    assert (second.restored, second.pending, second.configurations, second.models) == (0, 0, 1, 1)
    assert names(sagemaker) == {ENDPOINT, SERVING}


@pytest.mark.usefixtures("half_way")
@pytest.mark.parametrize(
    ("owned", "config"), [({COMING_STAGING, COMING}, SERVING), ((), None), ((), f"{ENDPOINT}-v9-99999999")]
)
def test_production_is_left_alone_while_a_rollout_runs_or_nobody_knows_the_champion(
    sagemaker: SageMakerClient, owned: set[str], config: str | None
) -> None:
    before = serves(sagemaker)

    assert Leftovers(sagemaker, ENDPOINT).remove(owned=owned, champion_config=config).restored == 0
    assert serves(sagemaker) == before


@pytest.mark.usefixtures("updating")
def test_what_somebody_configured_by_hand_is_theirs(sagemaker: SageMakerClient) -> None:
    serve(sagemaker)
    by_hand = OTHERS[1]
    make(sagemaker, by_hand, model=COMING)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=by_hand)

    assert Leftovers(sagemaker, ENDPOINT).remove(owned=(), champion_config=SERVING).restored == 0
    assert serves(sagemaker) == by_hand


def test_the_champion_s_own_configuration_outlives_a_comparison(sagemaker: SageMakerClient, half_way: str) -> None:
    """The rollout goes back to it."""
    Leftovers(sagemaker, ENDPOINT).remove(owned={half_way, COMING}, champion_config=SERVING)

    assert SERVING in {one["EndpointConfigName"] for one in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
