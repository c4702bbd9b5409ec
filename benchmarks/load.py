"""Sixteen apps at once, for half a minute, against the API of the deployment that the environment points to.

First `noriba demo --keep`, and set its variables as it says. Together they ask a little less often than the key's plan
allows (50 requests a second): what is measured is the API, not its limit.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import numpy as np

from noriba.cli.prediction_commands import ApiClient
from noriba.cli.session import Session

CLIENTS = 16
LASTS_S = 30.0
REQUESTS_PER_S = 45.0


def run() -> None:
    """Ask, and print how it was answered and how long it took; every answer but 200 is an error."""
    session = Session("noriba")
    requests = session.use_case.golden_requests
    path = f"/v1/{session.use_case.name}/predictions"
    statuses: Counter[int] = Counter()
    took_ms: list[float] = []
    lock = threading.Lock()
    end_s = time.perf_counter() + LASTS_S

    def ask_on(number: int) -> None:
        api = ApiClient.of(session)
        pause_s = CLIENTS / REQUESTS_PER_S
        time.sleep(number * pause_s / CLIENTS)
        count = number
        while (start_s := time.perf_counter()) < end_s:
            status, _answer = api.post(path, requests[count % len(requests)])
            asked_ms = (time.perf_counter() - start_s) * 1000
            with lock:
                statuses[status] += 1
                took_ms.append(asked_ms)
            count += 1
            time.sleep(max(0.0, pause_s - asked_ms / 1000))

    clients = [threading.Thread(target=ask_on, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    p50, p95, p99 = np.percentile(took_ms, [50, 95, 99])
    print(
        f"  {sum(statuses.values())} requests of {CLIENTS} clients in {LASTS_S:.0f} s: {dict(sorted(statuses.items()))}"
    )
    print(f"  p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    if statuses.keys() != {200}:
        raise SystemExit("  not every request was answered")
