"""What functions, machines and jobs said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noriba.aws.logs import LogLine, find_groups, read_lines
from noriba.errors import NoribaError
from noriba.records.names import is_staging

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.client.session import Session

__all__ = ["LogLine", "NoSuchLogError", "find_log", "list_logs", "read_log"]


class NoSuchLogError(NoribaError):
    """No log of that name."""


def list_logs(session: Session) -> dict[str, str]:
    """Short names of logs, and the groups that they stand for."""
    return find_groups(session.clients.cloudformation, stacks=list(session.stacks))


def find_log(session: Session, name: str) -> str:
    """The group that a log's short name stands for, or the name of a staging endpoint, which is long gone.

    Raises:
        NoSuchLogError: there is none of that short name; the message names those there are.
    """
    if is_staging(name, prefix=session.prefix):
        return f"/aws/sagemaker/Endpoints/{name}"
    groups = list_logs(session)
    if name not in groups:
        raise NoSuchLogError(f"no log {name!r}; there are {', '.join(sorted(groups))}")
    return groups[name]


def read_log(session: Session, group: str, *, since: datetime) -> list[LogLine]:
    """The lines of a group since then, in order; none where nothing was said yet."""
    return list(read_lines(session.clients.logs, group, since=since))
