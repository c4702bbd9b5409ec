"""What functions answered, on its way into the bucket of captures: a line each, put on a stream of Firehose's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noriba.aws.failures import AWS_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_firehose import FirehoseClient

PAUSE_S = 30.0
"""So long nobody tries again where the stream did not take what it was given: each try holds an answer up."""


class AnswerStream:
    """One stream.

    Args:
        firehose: the client.
        name: of the stream.
        lost: told how many lines were lost, and why.
        clock: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        firehose: FirehoseClient,
        name: str,
        *,
        lost: Callable[[int, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._firehose, self._name, self._lost, self._clock = firehose, name, lost, clock
        self._not_before_s = 0.0

    def put(self, lines: Sequence[str]) -> None:
        """Put lines on the stream, all at once; an answer never fails for what could not be kept of it."""
        if not lines:
            return
        if self._clock() < self._not_before_s:
            self._lost(len(lines), "the stream did not take what it was given a moment ago")
            return
        try:
            said = self._firehose.put_record_batch(
                DeliveryStreamName=self._name, Records=[{"Data": line.encode()} for line in lines]
            )
        except AWS_FAULTS as error:
            self._pause(len(lines), str(error))
            return
        # https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
        if failed := said["FailedPutCount"]:
            messages = (one.get("ErrorMessage") for one in said["RequestResponses"])
            self._pause(failed, next(filter(None, messages), "no reason was given"))

    def _pause(self, lost: int, why: str) -> None:
        self._not_before_s = self._clock() + PAUSE_S
        self._lost(lost, why)
