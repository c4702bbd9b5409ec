"""One deployment under guardrails: the traffic moves stage by stage, and alarms are watched while each stage bakes.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
Waits take the same part of their time here as those of state machines. The limit on the whole deployment is in the time
of AWS: a wait counts in full, and work as long as it really takes.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import alarm_state, in_scope
from laptop_cloud.sagemaker.errors import JobFailedError, ValidationError
from laptop_cloud.sagemaker.fleets import DRAIN_S, Shift, grow, shrink, start_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laptop_cloud.own_time.timers import Timers
    from laptop_cloud.sagemaker.endpoints import Endpoint
    from laptop_cloud.sagemaker.fleets import Fleet
    from laptop_cloud.sagemaker.guardrails import Guardrails, Stage
    from laptop_cloud.sagemaker.scopes import Scope

_LOOK_S = 0.1


class RollBackError(Exception):
    """Why a deployment is taken back."""


class Watch:
    """The clock and the alarms of one deployment; it begins now.

    Args:
        scope: of the endpoint, and so of the alarms.
        guardrails: of the deployment.
        scale: what part of its time a wait takes.
        timers: of the cloud's own clock, if it has one: waits end and time is over by it.
    """

    def __init__(self, scope: Scope, guardrails: Guardrails, scale: float, timers: Timers | None = None) -> None:
        self._scope = scope
        self._guardrails = guardrails
        self._scale = scale
        self._timers = timers
        self._now = time.monotonic if timers is None else time.time
        self._started = self._now()
        self._baked_at = 0.0
        self._saved_s = 0.0

    @property
    def baking(self) -> bool:
        """Does the deployment only wait?"""
        return self._now() < self._baked_at

    def bake(self, wait_s: float) -> None:
        """Wait, and look at the alarms all the while, once at least.

        Raises:
            RollBackError: an alarm is in ALARM, or the time of the deployment is over.
        """
        self._check_time()
        end = self._now() + wait_s * self._scale
        self._check_alarms()
        over = threading.Event()
        with nullcontext() if self._timers is None else self._timers.at(end, over.set):
            self._baked_at = end
            try:
                while (left := end - self._now()) > 0:
                    over.wait(min(left, _LOOK_S))
                    self._check_alarms()
            finally:
                self._baked_at = 0.0
        self._saved_s += wait_s * (1 - self._scale)
        self._check_time()

    def _check_alarms(self) -> None:
        with in_scope(self._scope.account, self._scope.region):
            tripped = [name for name in self._guardrails.alarms if alarm_state(name) == "ALARM"]
        if tripped:
            # AWS documents that there is a reason, and not how it is worded.
            raise RollBackError(
                "One or more configured alarms for automatic rollback deployments are in ALARM state: "
                f"{', '.join(tripped)}. The endpoint was rolled back to its previous configuration."
            )

    def _check_time(self) -> None:
        limit_s = self._guardrails.timeout_s
        if limit_s is not None and self._now() - self._started + self._saved_s > limit_s:
            raise RollBackError(
                f"The deployment exceeded MaximumExecutionTimeoutInSeconds ({limit_s} seconds). The endpoint was "
                "rolled back to its previous configuration."
            )


def check_alarms(scope: Scope, guardrails: Guardrails) -> None:
    """Refuse alarms that are not there: a guard that cannot trip guards nothing.

    Raises:
        ValidationError: with their names.
    """
    with in_scope(scope.account, scope.region):
        missing = [name for name in guardrails.alarms if alarm_state(name) is None]
    if missing:
        raise ValidationError(f"Could not find CloudWatch alarms: {', '.join(missing)}.")


class Deployment:
    """An endpoint's way from one fleet to another.

    Args:
        endpoint: answers by the old fleet.
        new: built, and not started.
        guardrails: of the deployment.
        watch: its clock and alarms.
        show: tells the world of the new variants, as a `PendingDeploymentSummary` has them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        new: Fleet,
        guardrails: Guardrails,
        watch: Watch,
        show: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        assert endpoint.fleet is not None  # noqa: S101 -- only what is in service is updated
        self._endpoint = endpoint
        self._old = endpoint.fleet
        self._new = new
        self._guardrails = guardrails
        self._watch = watch
        self._show = show
        self._old_counts = {variant.name: len(variant.servers) for variant in self._old.variants}
        self._counts = {variant.name: len(variant.servers) for variant in new.variants}

    def run(self) -> None:
        """Give the new fleet all requests.

        Raises:
            JobFailedError: it is not healthy, and has had none.
            RollBackError: it is not to have them; `undo` is due.
        """
        self._show(summarise_variants(self._new, "Creating", self._launching))
        if not self._guardrails.rolling:
            self._new.bring_up()
        for stage in self._guardrails.stages(self._counts):
            if self._guardrails.rolling:
                self._bring_up_batch(stage)
            self._show(summarise_variants(self._new, "ActivatingTraffic", stage.activating, stage.active))
            with self._endpoint.lock:
                self._endpoint.shift = Shift(self._old, self._new, stage.active)
            self._show(summarise_variants(self._new, "Baking", stage.baking, stage.active))
            self._watch.bake(stage.bake_s)
            if self._guardrails.rolling:
                self._release_batch(stage)

    def undo(self) -> None:
        """Give the old fleet, complete again, all requests, and end the new one."""
        for variant in self._old.variants:
            grow(variant, self._old_counts[variant.name], self._endpoint.lock)
        with self._endpoint.lock:
            self._endpoint.shift = None
        self._new.retire()

    def _launching(self, name: str) -> str:
        return f"Launching {self._counts[name]} instance(s)."

    def _bring_up_batch(self, stage: Stage) -> None:
        begun = {} if self._endpoint.shift is None else self._endpoint.shift.active
        try:
            for variant in self._new.variants:
                start_all(variant, variant.servers[begun.get(variant.name, 0) : stage.active[variant.name]])
        except JobFailedError as error:
            if begun:
                raise RollBackError(str(error)) from error
            raise

    def _release_batch(self, stage: Stage) -> None:
        """End as large a part of the old instances as is active of the new ones, which have been watched by then.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html
        """
        for variant in self._old.variants:
            left = 1 - stage.active[variant.name] / self._counts[variant.name]
            for server in shrink(variant, ceil(self._old_counts[variant.name] * left), self._endpoint.lock):
                server.drain(DRAIN_S)
                server.stop()


def summarise_variants(
    fleet: Fleet, status: str, message: Callable[[str], str], active: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """The variants of a `PendingDeploymentSummary`.

    Args:
        fleet: the new one.
        status: that its variants are in: `Creating`, `ActivatingTraffic` or `Baking`.
        message: what SageMaker says in it of the variant of a name.
        active: the instances of each variant that take requests; none unless given.
    """
    now = datetime.now(UTC)
    return [
        {
            **variant.summary(),
            "CurrentInstanceCount": 0 if active is None else active[variant.name],
            "VariantStatus": [{"Status": status, "StatusMessage": message(variant.name), "StartTime": now}],
        }
        for variant in fleet.variants
    ]
