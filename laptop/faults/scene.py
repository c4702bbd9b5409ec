"""One rollout that something befalls: begun by hand, followed, and looked over when it has ended."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import psutil

from laptop.replay import Replayed, open_outcome_bus, replay
from noriba.client import StepFailedError
from noriba.client.waiting import wait_for_end
from noriba.records.names import name_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from laptop_cloud.process import RunningCloud
    from noriba.aws.executions import Execution
    from noriba.client import ModelPackage, Session
    from noriba.events import OutcomeObserved
    from noriba.records.rollout import RolloutPlan
    from noriba.usecase import Observation

PACE_S = 0.2
LIMIT_S = 180.0
TIDY_LIMIT_S = 60.0
APPS_PER_S = 10.0
"""Requests of apps that report nothing, all the time."""
RIDES_PER_S = 25.0
"""Requests whose outcomes are reported, while two models are compared."""
_PUT_AT_ONCE = 10


def begin_rollout(session: Session, package: ModelPackage, plan: RolloutPlan) -> str:
    """Begin a rollout as an approval does, with a plan of its own; its execution."""
    given = {
        "use_case": session.use_case_name,
        "endpoint_name": name_endpoint(session.use_case_name, prefix=session.prefix),
        "model_package_arn": package.arn,
        "version": package.version,
        "plan": plan.model_dump(mode="json"),
    }
    return session.history("rollout").start(json.dumps(given))


@dataclass
class Scene:
    """A rollout under way, and what may be done to it.

    Attributes:
        session: the deployment.
        cloud: that it is deployed to.
        package: the challenger.
        execution: the rollout's.
        observations: rides that apps ask about, over and over.
        asked: what apps were answered.
    """

    session: Session
    cloud: RunningCloud
    package: ModelPackage
    execution: str
    observations: Sequence[Observation]
    asked: list[Replayed] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The production endpoint."""
        return name_endpoint(self.session.use_case_name, prefix=self.session.prefix)

    def eventually(self, look: Callable[[], Any], what: str, *, within_s: float = LIMIT_S) -> Any:
        """What a look finds, as soon as it finds something.

        Raises:
            StepFailedError: nothing within the limit.
        """
        end = time.monotonic() + within_s
        while not (found := look()):
            if time.monotonic() > end:
                raise StepFailedError(f"{what} did not come within {within_s:.0f} s")
            time.sleep(PACE_S)
        return found

    def look_up(self) -> Execution | None:
        """The execution, when it has ended."""
        found = self.session.history("rollout").look_up(self.execution)
        return None if found is None or found.is_running else found

    def await_end(self) -> Execution:
        """The execution as it ended."""
        history = self.session.history("rollout")
        return wait_for_end(history, self.execution, "the rollout", limit_s=LIMIT_S)

    def await_stage(self, stage: str) -> None:
        """Until a stage has begun, or in shadow and canary, until both models are asked.

        Raises:
            StepFailedError: the rollout ended before.
        """

        def look() -> bool:
            if (ended := self.look_up()) is not None:
                raise StepFailedError(f"it ended before {stage}: {ended.error}: {ended.cause}")
            if stage == "staging":
                return any(step.stage == stage for step in self.session.ledger.list_steps(self.execution))
            lock = self.session.ledger.read_rollout()
            ours = lock is not None and lock.execution == self.execution and lock.awaited is not None
            return ours and lock.awaited.stage == stage  # type: ignore[union-attr]  # ours

        self.eventually(look, stage)

    def await_endpoint(self, status: str) -> None:
        """Until the production endpoint has a status."""
        self.eventually(lambda: self.describe()["EndpointStatus"] == status, f"an endpoint that is {status}")

    def describe(self) -> dict[str, Any]:
        """The production endpoint."""
        found: Any = self.session.at("rollout").sagemaker.describe_endpoint(EndpointName=self.endpoint)
        return dict(found)

    @contextmanager
    def ask_meanwhile(self) -> Iterator[None]:
        """Apps ask at a modest pace as long as the block lasts, say for whom, and report nothing."""
        riders = [
            replace(one, request={**one.request, "subject": f"rider {number}"})
            for number, one in enumerate(self.observations)
        ]
        with self._replay(riders, APPS_PER_S, report=lambda _some: None):
            yield

    @contextmanager
    def drive_meanwhile(self) -> Iterator[None]:
        """Rides are asked about and reported as long as the block lasts."""
        with self._replay(self.observations, RIDES_PER_S, report=None):
            yield

    def drive_once(self) -> list[OutcomeObserved]:
        """Ask about each ride once; what happened is not reported yet."""
        happened: list[OutcomeObserved] = []
        self.asked.append(replay(self.session, self.observations, requests_per_s=RIDES_PER_S, report=happened.extend))
        return happened

    def report_twice_and_in_disorder(self, happened: list[OutcomeObserved]) -> None:
        """Put each outcome on the bus twice, in any order."""
        shuffled = random.Random(len(happened)).sample([*happened, *happened], 2 * len(happened))  # noqa: S311
        bus = open_outcome_bus(self.session)
        for start in range(0, len(shuffled), _PUT_AT_ONCE):
            bus.publish_all(shuffled[start : start + _PUT_AT_ONCE])

    def kill_server(self) -> None:
        """Kill the challenger's server in production, where it runs."""
        ours = re.compile(rf"/endpoints/{re.escape(self.endpoint)}/v{self.package.version}-\w+$")
        for process in psutil.Process(self.cloud.pid).children(recursive=True):
            try:
                if ours.search(process.cwd()):
                    process.kill()
            except psutil.Error:
                # It ended meanwhile.
                continue

    def find_left_over(self) -> list[str]:
        """What should not be there when a rollout is over, in words; empty when the champion serves alone."""
        champion, found = self.session.ledger.read_champion(), self.describe()
        assert champion is not None  # noqa: S101  # nothing here is the first rollout
        left = []
        if found["EndpointStatus"] != "InService":
            left.append(f"the endpoint is {found['EndpointStatus']}")
        if found["EndpointConfigName"] != champion.endpoint_config:
            left.append(f"production is configured by {found['EndpointConfigName']}")
        variants = [one["VariantName"] for one in found["ProductionVariants"]]
        if len(variants) != 1:
            left.append(f"variants {', '.join(variants)} answer")
        left += [f"shadow {one['VariantName']}" for one in found.get("ShadowProductionVariants", [])]
        if self.session.ledger.read_rollout() is not None:
            left.append("the lock")
        return [*left, *self._list_unowned(champion.endpoint_config)]

    def _list_unowned(self, config: str | None) -> list[str]:
        sagemaker = self.session.at("rollout").sagemaker
        endpoints = [one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]]
        configs = [one["EndpointConfigName"] for one in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
        models = [one["ModelName"] for one in sagemaker.list_models()["Models"]]
        return [
            *(f"endpoint {name}" for name in endpoints if name != self.endpoint),
            *(f"configuration {name}" for name in configs if name != config),
            # Production's configuration of a model alone has the model's name.
            *(f"model {name}" for name in models if name != config),
        ]

    @contextmanager
    def _replay(
        self,
        observations: Sequence[Observation],
        requests_per_s: float,
        *,
        report: Callable[[Sequence[OutcomeObserved]], object] | None,
    ) -> Iterator[None]:
        over = threading.Event()
        with ThreadPoolExecutor(1) as apps:
            traffic = apps.submit(
                replay,
                self.session,
                cycle(observations),
                requests_per_s=requests_per_s,
                over=over,
                report=report,
            )
            try:
                yield
            finally:
                over.set()
                self.asked.append(traffic.result())
