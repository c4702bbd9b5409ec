"""Sixteen apps at once, while a new model takes over in production and while production goes back.

First `noriba demo --keep`. A second model is trained; then the apps ask as `load` does, quietly at first, then through
staging, shadow, canary and production, and through the way back. Not one request may fail; how slow the slowest five
seconds are is told beside the quiet. The apps report no outcomes, so the shadow is left on a person's word.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.load import CLIENTS, open_session, start_apps
from noriba.client import (
    approve_model,
    find_model,
    follow_rollout,
    promote_challenger,
    request_training,
    roll_back,
    wait_for_answer,
    wait_for_candidate,
    wait_for_rollout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.load import Answer

WARM_UP_S = 5.0
"""Sixteen apps at once are more than the cloud was just used to: functions start for them."""
QUIET_S = 20.0
WINDOW_S, EVERY_S = 5.0, 1.0
OK = 200


def run() -> None:
    """Print failures, and the slowest window of each stretch beside the quiet one's."""
    session = open_session()
    candidate = wait_for_candidate(session, wait_for_answer(session, request_training(session, cause="benchmark")))
    over, stretches = threading.Event(), [("warm-up", time.perf_counter())]
    with start_apps(session, lambda _due_s: over.is_set()) as asking:
        try:
            time.sleep(WARM_UP_S)
            stretches.append(("quiet", time.perf_counter()))
            time.sleep(QUIET_S)
            stretches.append(("staging", time.perf_counter()))
            approval = approve_model(session, find_model(session, candidate.version), note="benchmark")
            follow_rollout(session, approval)
            stretches.append(("shadow", time.perf_counter()))
            time.sleep(QUIET_S)
            stretches.append(("canary", time.perf_counter()))
            promote_challenger(session, reason="benchmark")
            wait_for_rollout(session, approval)
            stretches.append(("rollback", time.perf_counter()))
            wait_for_rollout(session, roll_back(session, version=None, reason="benchmark"))
            stretches.append(("", time.perf_counter()))
            # The last windows reach past the end.
            time.sleep(WINDOW_S)
        finally:
            over.set()
        answers = [answer for app in asking for answer in app.result()]
    _print(answers, stretches)


def _print(answers: Sequence[Answer], stretches: list[tuple[str, float]]) -> None:
    statuses = Counter(answer.status for answer in answers)
    print(f"  {len(answers)} requests of {CLIENTS} clients: {dict(sorted(statuses.items()))}")
    quiet_ms = float("nan")
    for (name, begin_s), (_next, end_s) in pairwise(stretches):
        within = [answer.took_ms for answer in answers if begin_s <= answer.begun_s < end_s]
        quiet_ms = float(np.percentile(within, 99)) if name == "quiet" else quiet_ms
        slowest_ms = _find_slowest_ms(answers, begin_s, end_s)
        print(
            f"  {name:9} {end_s - begin_s:5.1f} s, {len(within):5} requests, p99 of the slowest {WINDOW_S:.0f} s "
            f"{slowest_ms:6.0f} ms, {slowest_ms / quiet_ms:4.1f} × the quiet p99"
        )
    if statuses.keys() != {OK}:
        raise SystemExit("  not every request was answered")


def _find_slowest_ms(answers: Sequence[Answer], begin_s: float, end_s: float) -> float:
    """The 99th percentile of the slowest window; one begins each second, and the last ones reach past the stretch."""
    return max(
        float(np.percentile([one.took_ms for one in answers if at_s <= one.begun_s < at_s + WINDOW_S], 99))
        for at_s in np.arange(begin_s, end_s, EVERY_S)
    )
