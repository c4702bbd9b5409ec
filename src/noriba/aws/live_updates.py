"""What outcomes say of the last hours: read where they lie in S3, joined to captures, and published in the ledger.

The work between two looks is one object, written only where nobody else has written since: of two looks at once one is
in vain, and each outcome is counted once. The ledger's entry is a copy of its state, for whoever answers requests.
"""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

from noriba.aws.observations import Lines, list_captures, list_outcomes
from noriba.errors import NoribaError
from noriba.records.live import name_work
from noriba.serving.live_joins import LiveJoins, LiveWork, read_look
from noriba.timestamps import HOUR

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.aws.ledger import Ledger
    from noriba.aws.objects import ObjectStore
    from noriba.serving.live_joins import Counted
    from noriba.usecase import LiveSpec, UseCase

REACH = timedelta(hours=2)
"""How far back objects of captures and outcomes are looked for: they may come late, but no later than that."""


class OvertakenError(NoribaError):
    """Somebody else has looked meanwhile; look again."""


class LiveUpdate:
    """One look at what has come.

    Args:
        captures: the bucket that SageMaker captures into, where the work is kept too.
        outcomes: the bucket of reported outcomes.
        endpoint: the use case's production endpoint.
        use_case: one with live means.
        spec: these.
    """

    def __init__(
        self, captures: ObjectStore, outcomes: ObjectStore, *, endpoint: str, use_case: UseCase, spec: LiveSpec
    ) -> None:
        self._captures, self._outcomes, self._endpoint = captures, outcomes, endpoint
        self._use_case, self._spec = use_case, spec
        self._key = name_work(endpoint)

    def look(self, ledger: Ledger, *, now: datetime) -> tuple[Counted, int]:
        """Count what is new and publish it; also, how many lines nobody could read.

        Raises:
            OvertakenError: somebody else has looked at this very moment; nothing was counted.
        """
        work = self._find_work(now)
        joins, lines = LiveJoins(self._use_case, self._spec, work), Lines()
        since, read = now - REACH, set(work.read)
        answers = list(list_captures(self._captures, self._endpoint, since=since))
        # An hour further back than captures.
        outcomes = list(list_outcomes(self._outcomes, since=since - HOUR))
        joins.add_answers(lines.read_answers(self._captures, [key for key in answers if key not in read]))
        new = [key for key in outcomes if key not in read]
        reported = lines.read_outcomes(self._outcomes, new, use_case=self._use_case.name)
        joins.add_outcomes(reported, now_s=now.timestamp())
        done = joins.finish(looked_at=now, read=[*answers, *outcomes])
        if not self._captures.renew(
            self._key, done.to_bytes(), is_newer=lambda kept: read_look(kept) != work.looked_at
        ):
            raise OvertakenError(f"another look at the outcomes of {self._use_case.name} has ended meanwhile")
        # Where this fails, the next look publishes what this one has counted.
        ledger.replace_live(done.state, looked_at=now)
        return joins.counted, lines.unreadable

    def _find_work(self, now: datetime) -> LiveWork:
        kept = self._captures.find(self._key)
        if kept is not None:
            try:
                return LiveWork.from_bytes(kept)
            except (ValueError, zlib.error):
                # Of another version: some hours, and as much is known again.
                return LiveWork(looked_at=read_look(kept))
        return LiveWork(looked_at=now - REACH)
