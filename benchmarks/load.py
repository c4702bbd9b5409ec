"""Sixteen apps at once, for half a minute, against the API of the deployment that the environment points to.

First `noriba demo --keep`; a laptop cloud that runs is found as the `noriba` command finds it. Together they ask as
often as the key's plan allows (`api_requests_per_s`). Each has its own times to ask and keeps them: apps that moved on
by how long an answer took would, after one slow moment, ask all at once from then on.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from laptop.state import point_here_unless_told_otherwise
from noriba.client import ApiClient, Session, translate_failures
from noriba.errors import NoribaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

CLIENTS = 16
LASTS_S = 30.0
REQUESTS_PER_S = 50.0


class Answer(NamedTuple):
    """When it was asked for, on the clock that measures, how it was answered, and how long that took."""

    begun_s: float
    status: int
    took_ms: float


def run() -> None:
    """Ask, and print how it was answered and how long it took; every answer but 200 is an error."""
    session = open_session()
    end_s = time.perf_counter() + LASTS_S
    with start_apps(session, lambda due_s: due_s >= end_s) as asking:
        # What an app could not even ask (a connection that broke) is raised here.
        answers = [answer for app in asking for answer in app.result()]
    statuses = Counter(answer.status for answer in answers)
    p50, p95, p99 = np.percentile([answer.took_ms for answer in answers], [50, 95, 99])
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


@contextmanager
def start_apps(session: Session, is_over: Callable[[float], bool]) -> Iterator[list[Future[list[Answer]]]]:
    """All apps, each until `is_over` says so of the next time that it would ask; waits for them in the end."""
    # A full collection in this process, a tenth of a second, would be taken for a slow API.
    gc.disable()
    try:
        with ThreadPoolExecutor(CLIENTS) as apps:
            yield [apps.submit(_ask_steadily, session, number, is_over) for number in range(CLIENTS)]
    finally:
        gc.enable()


def _ask_steadily(session: Session, number: int, is_over: Callable[[float], bool]) -> list[Answer]:
    """One app, that asks at times of its own."""
    api, requests = ApiClient.of(session), session.use_case.golden_requests
    path, pause_s = f"/v1/{session.use_case.name}/predictions", CLIENTS / REQUESTS_PER_S
    answers: list[Answer] = []
    due_s = time.perf_counter() + number * pause_s / CLIENTS
    while not is_over(due_s):
        time.sleep(max(0.0, due_s - time.perf_counter()))
        begun_s = time.perf_counter()
        status, _answer = api.post(path, requests[(number + len(answers)) % len(requests)])
        answers.append(Answer(begun_s, status, (time.perf_counter() - begun_s) * 1000))
        due_s += pause_s
    return answers
