"""What befalls rollouts, and how each of them must end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laptop.faults.artifacts import cut_trees, need_input, redefine, scale
from laptop_cloud.fault_injection import Fault as InjectedFault
from laptop_cloud.fault_injection import inject_faults
from noriba.client import abort_rollout
from noriba.records.rollout import RolloutPlan
from noriba.usecase import CanaryStep, ComparisonPolicy, RolloutPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laptop.faults.challengers import Workshop
    from laptop.faults.scene import Scene
    from noriba.client import ModelPackage

RIDES = 240
"""Over which two models are compared."""
NIGHT_H = 6.0
_NEVER = 1_000_000


def make_plan(
    *,
    outcomes: int = _NEVER,
    margin: float = 0.0,
    slice_outcomes: int = _NEVER,
    shadow_hours: float = 20,
    canary_minutes: float = 3,
) -> RolloutPlan:
    """A plan of seconds, for a person who asks as often as they like. On the laptop cloud, an hour is three minutes.

    Args:
        outcomes: the fewest that decide.
        margin: how much larger the challenger's error may be, as a share of the champion's.
        slice_outcomes: the fewest of a slice that decide.
        shadow_hours: how long the shadow may last.
        canary_minutes: how long each of two steps lasts; long enough for twenty requests to the challenger.
    """
    comparison = ComparisonPolicy(
        margin=margin, min_outcomes=outcomes, min_slice_outcomes=slice_outcomes, tuned_for=RIDES
    )
    steps = (CanaryStep(percent=30, minutes=canary_minutes), CanaryStep(percent=60, minutes=canary_minutes))
    policy = RolloutPolicy(shadow_hours=shadow_hours, min_shadow_hours=0, canary=steps, comparison=comparison)
    return RolloutPlan.of(policy, stages="full").model_copy(update={"asked_by": "person"})


WAITS = make_plan()
"""Nothing but a fault, or a person, ends its shadow."""
EASY = make_plan(outcomes=120, margin=0.5)
"""Any sound model is promoted."""
LONG_CANARY = make_plan(outcomes=120, margin=0.5, canary_minutes=60)
STRICT = make_plan(outcomes=RIDES)
NIGHTLY = make_plan(outcomes=RIDES, slice_outcomes=20)


@dataclass(frozen=True)
class Fault:
    """What befalls a rollout.

    Attributes:
        name: for the command line and the report.
        meaning: in a few words.
        make: the challenger; see `twin` for a good one.
        plan: the rollout's.
        stage: in which it must end.
        cause: what its record must say, as a regular expression.
        happen: what is done to it on its way.
        promoted: whether it must get through all the same.
        compared: how many outcomes its last verdict must be based on; as many as there are when None.
    """

    name: str
    meaning: str
    stage: str
    cause: str
    plan: RolloutPlan
    make: Callable[[Workshop], ModelPackage]
    happen: Callable[[Scene, Path], None] = field(default=lambda _scene, _state: None)
    promoted: bool = False
    compared: int | None = None


# --- challengers -----------------------------------------------------------------------------------------------------


def make_by_bundle(
    name: str, change: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> Callable[[Workshop], ModelPackage]:
    """A challenger whose bundle is not the champion's."""
    return lambda workshop: workshop.register(name, change(workshop.read_champion()))


def make_by_image(name: str, kind: str) -> Callable[[Workshop], ModelPackage]:
    """A challenger whose serving code is broken; its answers differ a little from the champion's."""
    return lambda workshop: workshop.register(
        name, scale(workshop.read_champion(), 1.01), image_uri=workshop.build_image(kind)
    )


OLD_RAIN = "def rain(rain_mm_per_h):\n    return rain_mm_per_h + 0.0"
"""What the code declares says the same in other words, as after an edit."""

twin = make_by_bundle("twin", lambda files: scale(files, 1.01))
"""A sound challenger: no better and hardly worse."""


# --- what happens ----------------------------------------------------------------------------------------------------


def drive(scene: Scene, _state: Path) -> None:
    """Rides are asked about and reported until the rollout has ended."""
    scene.await_stage("shadow")
    with scene.drive_meanwhile():
        scene.await_end()


def report_twice(scene: Scene, _state: Path) -> None:
    """Outcomes come when all was asked, twice and in disorder."""
    scene.await_stage("shadow")
    scene.report_twice_and_in_disorder(scene.drive_once())


def kill_in_canary(scene: Scene, _state: Path) -> None:
    """The challenger's server is killed whenever it is back."""
    scene.await_stage("shadow")
    with scene.drive_meanwhile():
        scene.await_stage("canary")

        def kill() -> bool:
            scene.kill_server()
            return scene.look_up() is not None

        scene.eventually(kill, "the end of a rollout whose server is killed")


def stop_in_update(scene: Scene, _state: Path) -> None:
    """Somebody stops the execution while SageMaker is changing the production endpoint."""
    scene.await_endpoint("Updating")
    history = scene.session.history("rollout")
    history.stop(scene.execution, cause="stopped in the console")


def throttle(scene: Scene, state: Path) -> None:
    """SageMaker refuses every third call, until the end."""
    inject_faults(state, [InjectedFault(code="ThrottlingException", message="Rate exceeded", every=3)])
    try:
        drive(scene, state)
    finally:
        inject_faults(state, [])


def abort_in_staging(scene: Scene, _state: Path) -> None:
    """A person thinks again while golden requests are prepared."""
    scene.await_stage("staging")
    abort_rollout(scene.session, reason="the wrong version")


def abort_in_shadow(scene: Scene, _state: Path) -> None:
    """A person thinks again while both are asked."""
    scene.await_stage("shadow")
    abort_rollout(scene.session, reason="the wrong version")


def abort_in_canary(scene: Scene, _state: Path) -> None:
    """A person thinks again while passengers meet the challenger."""
    scene.await_stage("shadow")
    with scene.drive_meanwhile():
        scene.await_stage("canary")
        abort_rollout(scene.session, reason="the wrong version")


FAULTS = (
    Fault(
        "crashes-on-load",
        "its server ends while it loads the model",
        stage="staging",
        cause=r"EndpointFailed: noriba-.*-staging-\w+: The primary container .* did not pass the ping health check",
        plan=WAITS,
        make=make_by_bundle("crashes-on-load", cut_trees),
    ),
    Fault(
        "answers-nan",
        "it answers NaN",
        stage="staging",
        cause=r"GoldenRequestsFailedError: golden requests 0, .*: an answer is not a finite number",
        plan=WAITS,
        make=make_by_bundle("answers-nan", lambda files: scale(files, math.nan)),
    ),
    Fault(
        "answers-nan-later",
        "it answers golden requests well, and NaN after a while",
        stage="shadow",
        cause=r"ChallengerRejectedError: \d+ of its answers are no predictions: .*: an answer is not a finite number",
        plan=WAITS,
        make=make_by_image("answers-nan-later", "WearingOut"),
        happen=drive,
    ),
    Fault(
        "slow",
        "it answers more than five times slower",
        stage="shadow",
        cause=r"ChallengerRejectedError: it takes \d+ ms on average, the champion \d+ ms; allowed are \d+ ms",
        plan=WAITS,
        make=make_by_image("slow", "Slow"),
        happen=drive,
    ),
    Fault(
        "too-few-rows",
        "it answers a row less than it was asked",
        stage="staging",
        cause=r"GoldenRequestsFailedError: golden requests 0, .*: 1 rows were sent, 0 answers came back",
        plan=WAITS,
        make=make_by_image("too-few-rows", "Short"),
    ),
    Fault(
        "no-answer",
        "it answers JSON that is no answer",
        stage="staging",
        cause=r"GoldenRequestsFailedError: golden requests 0, .*: what version \d+ answered is no answer: ",
        plan=WAITS,
        make=make_by_image("no-answer", "Wordless"),
    ),
    Fault(
        "unknown-features",
        "it reads what no request brings",
        stage="staging",
        cause=r"GoldenRequestsFailedError: .*missing input column driver_s_mood",
        plan=WAITS,
        make=make_by_bundle("unknown-features", lambda files: need_input(files, "rain", "driver_s_mood")),
    ),
    Fault(
        "worse",
        "it answers golden requests well, and is a fifth worse on real outcomes",
        stage="shadow",
        cause=r"ChallengerRejectedError: the challenger's error is larger by",
        plan=STRICT,
        make=make_by_bundle("worse", lambda files: scale(files, 1.2)),
        happen=drive,
    ),
    Fault(
        "older-features",
        "as `worse`; it learned a feature that the code declares otherwise by now",
        stage="shadow",
        cause=r"ChallengerRejectedError: the challenger's error is larger by",
        plan=STRICT,
        make=make_by_bundle("older-features", lambda files: redefine(scale(files, 1.2), "rain", OLD_RAIN)),
        happen=drive,
    ),
    Fault(
        "worse-at-night",
        "it is worse at night alone",
        stage="shadow",
        cause=r"ChallengerRejectedError: in part of day: night, its error is larger by",
        plan=NIGHTLY,
        make=make_by_bundle("worse-at-night", lambda files: scale(files, 1.6, where="hour_of_day", below=NIGHT_H)),
        happen=drive,
    ),
    Fault(
        "outcomes-twice",
        "as `worse`; outcomes come twice and out of order",
        stage="shadow",
        cause=r"ChallengerRejectedError: the challenger's error is larger by",
        plan=STRICT,
        make=make_by_bundle("worse", lambda files: scale(files, 1.2)),
        happen=report_twice,
        compared=RIDES,
    ),
    Fault(
        "server-killed",
        "its server is killed in mid-canary, again and again",
        stage="canary",
        cause=r"ChallengerRejectedError: it failed \d+ of \d+ requests",
        plan=LONG_CANARY,
        make=twin,
        happen=kill_in_canary,
    ),
    Fault(
        "stopped-in-update",
        "its execution is stopped while production is changed",
        stage="shadow",
        cause=r"Aborted: stopped in the console",
        plan=EASY,
        make=twin,
        happen=stop_in_update,
    ),
    Fault(
        "aborted-in-staging",
        "a person ends it in staging",
        stage="staging",
        cause=r"Aborted: arn:.*: the wrong version",
        plan=WAITS,
        make=twin,
        happen=abort_in_staging,
    ),
    Fault(
        "aborted-in-shadow",
        "a person ends it in the shadow",
        stage="shadow",
        cause=r"RolloutAbortedError: arn:.*: the wrong version",
        plan=WAITS,
        make=twin,
        happen=abort_in_shadow,
    ),
    Fault(
        "aborted-in-canary",
        "a person ends it in the canary",
        stage="canary",
        cause=r"RolloutAbortedError: arn:.*: the wrong version",
        plan=LONG_CANARY,
        make=twin,
        happen=abort_in_canary,
    ),
    Fault(
        "throttled",
        "SageMaker throttles every third call",
        stage="production",
        cause=r"",
        plan=EASY,
        make=twin,
        happen=throttle,
        promoted=True,
    ),
)
"""The one that is promoted comes last: all others are made of the first champion."""
