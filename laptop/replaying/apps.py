"""The apps of a replay: they ask the deployed API, several at once, and report outcomes to it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import urllib3

from laptop.replaying.journal import Answered
from noriba.client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from noriba.client import Session
    from noriba.client.replays import ReplayRow

T = TypeVar("T")

_AT_ONCE = 8
_OK, _TAKEN, _TOO_MANY = 200, 202, 429
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Before an app asks again that was faster than its plan allows."""
MOST_FAILURES = 20


class Apps:
    """Attributes: `failed`, requests that were not answered; `failures`, the first of them in words."""

    def __init__(self, session: Session) -> None:
        self._api = ApiClient.of(session)
        self._use_case = session.use_case
        self.failed = 0
        self.failures: list[str] = []

    def ask(self, rides: Sequence[ReplayRow], *, now: datetime) -> Iterator[Answered]:
        """Ask about rides; those that got no answer are counted and left out."""

        def ask_one(ride: ReplayRow) -> Answered | None:
            answer = self._post("predictions", ride.observation.request, wanted=_OK)
            return None if answer is None else self._read(answer, ride, now)

        yield from (one for one in _at_once(ask_one, rides) if one is not None)

    def report(self, outcomes: Sequence[tuple[Answered, float, datetime]]) -> Iterator[int]:
        """Report what happened, and when it was known; the numbers of the rides whose outcome was taken."""

        def report_one(outcome: tuple[Answered, float, datetime]) -> int | None:
            answered, value, observed_at = outcome
            body = {
                "prediction_id": answered.prediction_id,
                "value": value,
                "observed_at": observed_at.isoformat(),
            }
            return None if self._post("outcomes", body, wanted=_TAKEN) is None else answered.number

        yield from (number for number in _at_once(report_one, outcomes) if number is not None)

    def _post(self, what: str, body: dict[str, Any], *, wanted: int) -> dict[str, Any] | None:
        for pause_s in (*_PAUSES_S, None):
            try:
                status, answer = self._api.post(f"/v1/{self._use_case.name}/{what}", body)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                self._fail(f"{what}: {type(error).__name__}")
                return None
            if status == wanted:
                return answer
            if status != _TOO_MANY or pause_s is None:
                self._fail(f"{what}: {status} {answer.get('detail', answer)}")
                return None
            time.sleep(pause_s)
        return None

    def _fail(self, text: str) -> None:
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(text)

    def _read(self, answer: dict[str, Any], ride: ReplayRow, now: datetime) -> Answered:
        fields, prediction = self._use_case.answer, answer["predictions"][0]
        return Answered(
            number=ride.number,
            asked_at=now,
            prediction_id=answer["prediction_id"],
            value=prediction[fields.value],
            low=prediction[fields.low],
            high=prediction[fields.high],
            claimed_coverage=answer["interval_coverage"],
            version=answer["model_version"],
        )


def _at_once(do: Callable[[T], Any], items: Iterable[T]) -> Iterator[Any]:
    with ThreadPoolExecutor(_AT_ONCE) as apps:
        yield from apps.map(do, items)
