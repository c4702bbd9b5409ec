"""Sixteen apps at once, while a new model takes over in production and while production goes back.

First `noriba demo --keep`. A second model is trained; then the apps ask as `load` does, quietly at first, then through
staging, shadow, canary and production, and through the way back. Not one request may fail; how slow the slowest five
seconds are is told beside the quiet. The apps report no outcomes, so the shadow is left on a person's word.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.load import CLIENTS, REQUESTS_PER_S, open_session
from noriba.client import (
    ApiClient,
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
    from noriba.client import Session

WARM_UP_S = 5.0
"""Sixteen apps at once are more than the cloud was just used to: functions start for them."""
QUIET_S = 20.0
WINDOW_S = 5.0
OK = 200


def run() -> None:
    """Print failures, and the slowest window of each stretch beside the quiet one's."""
    session = open_session()
    candidate = wait_for_candidate(session, wait_for_answer(session, request_training(session, cause="benchmark")))
    answers: list[tuple[float, int, float]] = []
    over, stretches = threading.Event(), [("warm-up", time.perf_counter())]
    with ThreadPoolExecutor(CLIENTS) as apps:
        asking = [apps.submit(_ask_until, session, number, over, answers) for number in range(CLIENTS)]
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
            stretches.append(("after", time.perf_counter()))
            time.sleep(WINDOW_S)
        finally:
            over.set()
        for one in asking:
            one.result()
    _print(answers, [*stretches, ("", time.perf_counter())])


def _print(answers: list[tuple[float, int, float]], stretches: list[tuple[str, float]]) -> None:
    statuses = Counter(status for _at, status, _took_ms in answers)
    print(f"  {len(answers)} requests of {CLIENTS} clients: {dict(sorted(statuses.items()))}")
    quiet_ms = float("nan")
    for (name, begin_s), (_next, end_s) in pairwise(stretches):
        windows: dict[int, list[float]] = defaultdict(list)
        for at_s, _status, took_ms in answers:
            if begin_s <= at_s < end_s:
                windows[int((at_s - begin_s) / WINDOW_S)].append(took_ms)
        every = [took_ms for window in windows.values() for took_ms in window]
        # A window that was cut short has too few requests for a 99th percentile.
        whole = [window for window in windows.values() if len(window) >= REQUESTS_PER_S] or [every]
        slowest_ms = max(float(np.percentile(window, 99)) for window in whole)
        quiet_ms = float(np.percentile(every, 99)) if name == "quiet" else quiet_ms
        print(
            f"  {name:9} {end_s - begin_s:5.1f} s, {len(every):5} requests, p99 of the slowest {WINDOW_S:.0f} s "
            f"{slowest_ms:6.0f} ms, {slowest_ms / quiet_ms:4.1f} × the quiet p99"
        )
    if statuses.keys() != {OK}:
        raise SystemExit("  not every request was answered")


def _ask_until(session: Session, number: int, over: threading.Event, answers: list[tuple[float, int, float]]) -> None:
    """One app, asking at its own steady pace: when, how it was answered, and how long that took in milliseconds."""
    api, requests = ApiClient.of(session), session.use_case.golden_requests
    path, pause_s = f"/v1/{session.use_case.name}/predictions", CLIENTS / REQUESTS_PER_S
    over.wait(number * pause_s / CLIENTS)
    for turn in range(10**9):
        start_s = time.perf_counter()
        if over.is_set():
            return
        status, _answer = api.post(path, requests[(number + turn) % len(requests)])
        took_s = time.perf_counter() - start_s
        answers.append((start_s, status, took_s * 1000))
        over.wait(max(0.0, pause_s - took_s))
