"""What may be a cause of a training, and why whoever sends it asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pydantic import ValidationError

from noriba.errors import NoribaError
from noriba.events import (
    AlarmStateChanged,
    CandidateRegistered,
    DatasetSnapshotCreated,
    RetrainingRequested,
    TrainingFailed,
)
from noriba.records.training import name_decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.events import AlarmFacts

Asker: TypeAlias = Literal["data", "alarm", "person"]
"""Why somebody asks: there may be news; the world has changed; or somebody wants it, who knows that data are old."""

ASKED_BY_THE_CLOCK = "Scheduled question"
"""The cause of a decision about data that came within the cooldown, and were followed by no event."""
CAUSES = (DatasetSnapshotCreated, RetrainingRequested, CandidateRegistered, TrainingFailed)
"""Events after which training may be due; the ends of a training run, because data may have come meanwhile."""
_ASKERS: Final[Mapping[str, Asker]] = {
    **{cause.detail_type(): "data" for cause in CAUSES},
    RetrainingRequested.detail_type(): "person",
    ASKED_BY_THE_CLOCK: "data",
    AlarmStateChanged.aws_detail_type: "alarm",
}


MOST_WORDS = 500
"""Of what a person says, so many characters are kept."""


class NoCauseError(NoribaError):
    """An event that is no cause of a training, or does not look like what it says it is."""


@dataclass(frozen=True)
class Question:
    """What was asked: the name of its answer, by which event, why, the alarm that asks, and a person's own words."""

    decision_id: str
    cause: str
    asker: Asker
    alarm: AlarmFacts | None = None
    note: str | None = None


def read_question(event: Mapping[str, Any]) -> Question:
    """What an envelope asks; of an alarm, `detail.alarm` is the detail that CloudWatch sent.

    Raises:
        NoCauseError: nothing; the message says what is wrong.
    """
    cause = str(event.get("detail-type"))
    if cause not in _ASKERS:
        raise NoCauseError(f"{cause!r} is no cause of a training; these are: {', '.join(_ASKERS)}")
    decision_id = name_decision(event["id"], datetime.fromisoformat(event["time"]))
    alarm = _read_alarm(event["detail"].get("alarm")) if _ASKERS[cause] == "alarm" else None
    note = str(event["detail"].get("cause", ""))[:MOST_WORDS] if _ASKERS[cause] == "person" else None
    return Question(decision_id, cause, _ASKERS[cause], alarm, note or None)


def _read_alarm(detail: object) -> AlarmFacts:
    try:
        return AlarmStateChanged.model_validate(detail).facts
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise NoCauseError(
            f"detail.alarm is not what CloudWatch says of an alarm ({faults}); send the event's detail there, as "
            "the rule of the training stack does"
        ) from error
