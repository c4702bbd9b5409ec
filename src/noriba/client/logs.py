"""What functions, machines and jobs said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noriba.aws.deployment import read_stacks
from noriba.aws.logs import SAGEMAKER_GROUPS, LogLine, find_groups, read_lines
from noriba.errors import NoribaError
from noriba.records.names import is_staging

if TYPE_CHECKING:
    from datetime import datetime

    from noriba.aws.clients import Clients
    from noriba.client.session import Session

__all__ = ["Log", "LogLine", "NoSuchLogError", "find_log", "list_logs", "read_log"]


class NoSuchLogError(NoribaError):
    """No log of that name."""


@dataclass(frozen=True)
class Log:
    """A log group, and where it is.

    Attributes:
        group: its name in CloudWatch.
        clients: of the account that has it.
    """

    group: str
    clients: Clients


def list_logs(session: Session) -> dict[str, str]:
    """Short names of logs, and the groups that they stand for.

    Those of stacks that every account has end with the account, but for the part's own.
    """
    return {name: log.group for name, log in _find_logs(session).items()}


def find_log(session: Session, name: str) -> Log:
    """The log that a short name stands for, or the name of a staging endpoint, which is long gone.

    Raises:
        NoSuchLogError: there is none of that short name; the message names those there are.
    """
    if is_staging(name, prefix=session.prefix):
        return Log(f"/aws/sagemaker/Endpoints/{name}", session.at("staging"))
    logs = _find_logs(session)
    if name not in logs:
        raise NoSuchLogError(f"no log {name!r}; there are {', '.join(sorted(logs))}")
    return logs[name]


def read_log(log: Log, *, since: datetime) -> list[LogLine]:
    """The lines of a log since then, in order; none where nothing was said yet."""
    return list(read_lines(log.clients.logs, log.group, since=since))


def _find_logs(session: Session) -> dict[str, Log]:
    found = {name: Log(group, session.at("training")) for name, group in SAGEMAKER_GROUPS.items()}
    for place in session.places:
        clients = place.clients
        for parts, ending in ((place.parts, ""), (place.guests, f"-{place.account}" if place.guests else "")):
            stacks = list(read_stacks(clients.cloudformation, prefix=session.prefix, parts=parts))
            groups = find_groups(clients.cloudformation, stacks=stacks)
            found |= {f"{name}{ending}": Log(group, clients) for name, group in groups.items()}
    return found
