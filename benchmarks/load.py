"""Sixteen apps at once, for half a minute, against the API of the deployment that the environment points to.

First `noriba demo --keep`; a laptop cloud that runs is found as the `noriba` command finds it. Together they ask a
little less often than the key's plan allows (50 requests a second): what is measured is the API, not its limit.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from laptop.state import point_here_unless_told_otherwise
from noriba.client import ApiClient, Session, translate_failures
from noriba.errors import NoribaError

CLIENTS = 16
LASTS_S = 30.0
REQUESTS_PER_S = 45.0


def run() -> None:
    """Ask, and print how it was answered and how long it took; every answer but 200 is an error."""
    session = open_session()
    end_s = time.perf_counter() + LASTS_S
    with ThreadPoolExecutor(CLIENTS) as apps:
        asking = [apps.submit(ask_on, session, number, end_s=end_s) for number in range(CLIENTS)]
        # What an app could not even ask (a connection that broke) is raised here.
        answers = [answer for app in asking for answer in app.result()]
    statuses = Counter(status for status, _took_ms in answers)
    p50, p95, p99 = np.percentile([took_ms for _status, took_ms in answers], [50, 95, 99])
    print(
        f"  {sum(statuses.values())} requests of {CLIENTS} clients in {LASTS_S:.0f} s: {dict(sorted(statuses.items()))}"
    )
    print(f"  p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    if statuses.keys() != {200}:
        raise SystemExit("  not every request was answered")


def open_session() -> Session:
    """The deployment that the environment points to, or the laptop cloud that runs here."""
    point_here_unless_told_otherwise()
    session = Session("noriba", "taxi_eta")
    try:
        with translate_failures():
            _ = session.deployment
    except NoribaError as error:
        raise SystemExit(f"  {error}") from error
    return session


def ask_on(session: Session, number: int, *, end_s: float) -> list[tuple[int, float]]:
    """One app, asking at its own steady pace; the status of each answer, and the milliseconds it took."""
    api, requests = ApiClient.of(session), session.use_case.golden_requests
    path = f"/v1/{session.use_case.name}/predictions"
    pause_s = CLIENTS / REQUESTS_PER_S
    answers: list[tuple[int, float]] = []
    time.sleep(number * pause_s / CLIENTS)
    while (start_s := time.perf_counter()) < end_s:
        status, _answer = api.post(path, requests[(number + len(answers)) % len(requests)])
        took_s = time.perf_counter() - start_s
        answers.append((status, took_s * 1000))
        time.sleep(max(0.0, pause_s - took_s))
    return answers
