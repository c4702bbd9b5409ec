"""What rollouts leave in SageMaker: staging that outlived its execution, replaced models, half-done changes."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from noriba.aws.endpoints import find_resource, find_status, says_missing
from noriba.aws.resource_names import Kind, list_names
from noriba.records.names import IN_PROGRESS, pick_made_by_rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from noriba.aws.ledger_endpoints import EndpointControl


@dataclass
class Tidied:
    """What was removed, by kind; how many endpoints were given back to the champion, and how many were not ready."""

    endpoints: int = 0
    configurations: int = 0
    models: int = 0
    restored: int = 0
    pending: int = 0

    def __add__(self, other: Tidied) -> Tidied:
        """What was done in two accounts."""
        return Tidied(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Leftovers:
    """What the rollouts to one endpoint have made and not removed, as it was when this was made.

    Whoever decides what is still owned looks after that: what a rollout makes later is not in these lists.
    """

    def __init__(self, sagemaker: EndpointControl, endpoint: str) -> None:
        self._sagemaker = sagemaker
        self._endpoint = endpoint
        kinds = (Kind.ENDPOINT, Kind.CONFIGURATION, Kind.MODEL)
        self._staging, self._configurations, self._models = (self._list(kind) for kind in kinds)

    def remove(self, *, owned: Collection[str], champion_config: str | None) -> Tidied:
        """Remove what neither production nor a rollout under way needs.

        Args:
            owned: names of the endpoint, configuration and model of the rollout under way; none when there is none.
            champion_config: production's configuration of the champion alone, as far as that is known.
        """
        tidied = Tidied()
        standing = self._remove_staging(owned, tidied)
        if find_status(self._sagemaker, self._endpoint) in IN_PROGRESS:
            # Which of two models it will serve is not decided.
            tidied.pending += 1
            return tidied
        if not owned and champion_config is not None and self._restore(champion_config):
            tidied.restored += 1
            tidied.pending += 1
            return tidied
        # What a rollout goes back to is needed, though at the moment nothing may serve by it.
        champion = () if champion_config is None else (champion_config,)
        kept = {*owned, *standing, *champion, *self._find_in_use(self._endpoint)}
        kept |= self._find_models([*standing, *champion])
        for name in self._configurations:
            if name not in kept:
                tidied.configurations += self._try(self._sagemaker.delete_endpoint_config, EndpointConfigName=name)
        for name in self._models:
            if name not in kept:
                tidied.models += self._try(self._sagemaker.delete_model, ModelName=name)
        return tidied

    def _remove_staging(self, owned: Collection[str], tidied: Tidied) -> set[str]:
        """Remove staging endpoints; those that stand a little longer, and need their configurations until they go."""
        standing: set[str] = set()
        for name in self._staging:
            status = None if name in owned else find_status(self._sagemaker, name)
            if status is None:
                continue
            if status not in IN_PROGRESS:
                tidied.endpoints += self._try(self._sagemaker.delete_endpoint, EndpointName=name)
            tidied.pending += 1
            standing.add(name)
        return standing

    def _restore(self, champion_config: str) -> bool:
        """Give production back to the champion where a rollout that was stopped left it half-way; whether it had.

        What no rollout has made, somebody else answers for.
        """
        found = find_resource(self._sagemaker.describe_endpoint, EndpointName=self._endpoint)
        if found is None or found["EndpointConfigName"] == champion_config:
            return False
        if not pick_made_by_rollouts([found["EndpointConfigName"]], self._endpoint):
            return False
        if find_resource(self._sagemaker.describe_endpoint_config, EndpointConfigName=champion_config) is None:
            return False
        self._sagemaker.update_endpoint(EndpointName=self._endpoint, EndpointConfigName=champion_config)
        return True

    def _find_in_use(self, endpoint: str) -> set[str]:
        """The configuration that an endpoint has, and the models in it."""
        found = find_resource(self._sagemaker.describe_endpoint, EndpointName=endpoint)
        if found is None:
            return set()
        configuration = found["EndpointConfigName"]
        return {configuration, *self._find_models([configuration])}

    def _find_models(self, configurations: Iterable[str]) -> set[str]:
        models: set[str] = set()
        for name in configurations:
            found = find_resource(self._sagemaker.describe_endpoint_config, EndpointConfigName=name)
            if found is not None:
                variants = (*found["ProductionVariants"], *found.get("ShadowProductionVariants", ()))
                models |= {variant["ModelName"] for variant in variants}
        return models

    def _list(self, kind: Kind) -> list[str]:
        return pick_made_by_rollouts(list_names(self._sagemaker, kind, prefix=f"{self._endpoint}-"), self._endpoint)

    def _try(self, delete: Callable[..., object], **name: str) -> int:
        """Delete what somebody else may be deleting; how many it was."""
        try:
            delete(**name)
        except ClientError as error:
            if says_missing(error):
                return 0
            raise
        return 1
