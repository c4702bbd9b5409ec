"""Ports of this computer."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"
"""Where everything of the laptop cloud listens: it is nobody else's business."""


def find_free_port(*preferred: int, only: bool = False) -> int:
    """The first of the preferred ports that is free, or else any free port unless it must be one of them.

    Raises:
        OSError: none is free.
    """
    for port in preferred:
        try:
            return _bind(port)
        except OSError:
            if only and port == preferred[-1]:
                raise
    return _bind(0)


def _bind(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        free: int = probe.getsockname()[1]
        return free
