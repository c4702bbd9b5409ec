"""What was asked and what was reported, a line each as it happens, so that a replay that was killed asks nothing twice.

Ids and numbers only: no places, no times of rides but when they were asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from noriba.timestamps import UtcTimestamp  # pydantic reads it

if TYPE_CHECKING:
    from pathlib import Path


class Answered(BaseModel):
    """An answer of production, in the label's unit.

    Attributes:
        number: the ride's.
        asked_at: by the replay's time.
        prediction_id: what its outcome is reported by.
        claimed_coverage: of its interval.
        version: of the model.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    asked_at: UtcTimestamp
    prediction_id: str
    value: float
    low: float
    high: float
    claimed_coverage: float
    version: int


class _Line(BaseModel):
    answered: Answered | None = None
    reported: int | None = None


class Journal:
    """A file of lines; a last one that was cut off is left out.

    Attributes:
        answered: by the ride's number.
        reported: numbers of rides whose outcome was taken.
    """

    def __init__(self, path: Path) -> None:
        self.answered: dict[int, Answered] = {}
        self.reported: set[int] = set()
        content, kept = path.read_text(encoding="utf-8") if path.exists() else "", ""
        for text in content.splitlines():
            try:
                line = _Line.model_validate_json(text)
            except ValidationError:
                break
            kept += f"{text}\n"
            self._take(line)
        if kept != content:
            # Whoever is interrupted here finds the old one again: rides that were asked must not be asked twice.
            part = path.with_name(f"{path.name}.part")
            part.write_text(kept, encoding="utf-8")
            part.replace(path)
        self._path = path

    def add_answer(self, answered: Answered) -> None:
        """Remember an answer."""
        self._add(_Line(answered=answered))

    def add_report(self, number: int) -> None:
        """Remember that an outcome was taken."""
        self._add(_Line(reported=number))

    def list_pending(self) -> list[Answered]:
        """Answers whose outcomes were not taken yet, in the order of their rides."""
        return [self.answered[number] for number in sorted(self.answered.keys() - self.reported)]

    def _add(self, line: _Line) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line.model_dump_json(exclude_none=True)}\n")
        self._take(line)

    def _take(self, line: _Line) -> None:
        if line.answered is not None:
            self.answered[line.answered.number] = line.answered
        if line.reported is not None:
            self.reported.add(line.reported)
