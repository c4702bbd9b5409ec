"""The report on disk: whole at any time, and gone on with only by the same replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from noriba.errors import NoribaError
from noriba.records.replays import ReplayReport

if TYPE_CHECKING:
    from pathlib import Path

    from noriba.records.replays import ReplaySettings


class OtherReplayError(NoribaError):
    """The report is of another replay, or of none."""


def find_report(path: Path, settings: ReplaySettings) -> ReplayReport | None:
    """The report of an earlier start of this replay; None where there is none.

    Raises:
        OtherReplayError: the file is something else; the message says what differs, and the remedy.
    """
    if not path.exists():
        return None
    remedy = "give another --report, or delete it"
    try:
        report = ReplayReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise OtherReplayError(f"{path} is no report of a replay; {remedy}") from error
    before, now = report.settings.model_dump(), settings.model_dump()
    if before["api_url"] != now["api_url"]:
        raise OtherReplayError(
            f"{path} is of a replay on another deployment ({before['api_url']}). Where that was a laptop cloud, the "
            f"cloud was started anew since, and is empty; begin anew, too: {remedy}"
        )
    if differing := sorted(name for name in now if before[name] != now[name]):
        raise OtherReplayError(f"{path} is of a replay with another {', '.join(differing)}; {remedy}")
    return report


def write_report(path: Path, report: ReplayReport) -> None:
    """Write it so that a reader finds the old one or the new one, and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)
