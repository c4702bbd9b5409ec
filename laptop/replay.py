"""What apps would have asked, asked now; and what then happened, reported.

Outcomes go onto the bus itself, ten at once, so that the API's plan is left to the requests. On AWS the bus hears them
of the API's own function alone.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING

from noriba.aws.bus import EventBus
from noriba.client import ApiClient
from noriba.events import OutcomeObserved
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from noriba.client import Session
    from noriba.usecase import Observation

_AT_ONCE = 8
_PUT_AT_ONCE = 10
"""Entries of one PutEvents: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
_OK = 200
NEVER = threading.Event()


@dataclass
class Replayed:
    """What was asked, and what went wrong."""

    asked: int = 0
    reported: int = 0
    failed: list[str] = field(default_factory=list)


def open_outcome_bus(session: Session) -> EventBus:
    """The bus on which outcomes are told: that of the API's account, whatever bus others tell.

    Each account has one of the same name.
    """
    return EventBus(session.at("serving").events, session.deployment.bus_name)


def replay(
    session: Session,
    observations: Iterable[Observation],
    *,
    requests_per_s: float,
    over: threading.Event = NEVER,
    report: Callable[[Sequence[OutcomeObserved]], object] | None = None,
) -> Replayed:
    """Ask for a prediction of each observation at a steady pace, and report its outcome right after.

    Args:
        session: whose API and bus.
        observations: in the order in which they are asked; those that no app may ask are left out.
        requests_per_s: fewer than the API's plan allows.
        over: ends it before the observations do.
        report: what is done with outcomes, ten at most; put on the bus when left out.

    Returns:
        How it went; a request that failed is told and does not end it.
    """
    api, request = ApiClient.of(session), load_use_case(session.use_case_name).request
    report = report or open_outcome_bus(session).publish_all
    done, begun_s = Replayed(), time.monotonic()

    def ask(number: int, one: Observation) -> OutcomeObserved | None:
        over.wait(max(0.0, begun_s + number / requests_per_s - time.monotonic()))
        if over.is_set():
            return None
        status, answer = api.post(f"/v1/{session.use_case_name}/predictions", one.request)
        if status != _OK:
            done.failed.append(f"{status} {answer.get('detail', answer)}")
            return None
        return OutcomeObserved(
            use_case=session.use_case_name,
            prediction_id=answer["prediction_id"],
            value=one.outcome,
            observed_at=one.observed_at.astimezone(UTC),
        )

    fitting = (one for one in observations if one.fits(request))
    with ThreadPoolExecutor(_AT_ONCE) as apps:
        for some in _batches(enumerate(fitting)):
            if over.is_set():
                break
            happened = [one for one in apps.map(lambda pair: ask(*pair), some) if one is not None]
            done.asked += len(some)
            report(happened)
            done.reported += len(happened)
    return done


def _batches(pairs: Iterator[tuple[int, Observation]]) -> Iterator[list[tuple[int, Observation]]]:
    while some := list(islice(pairs, _PUT_AT_ONCE)):
        yield some
