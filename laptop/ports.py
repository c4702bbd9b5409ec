"""Ports of this computer."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"
"""Where everything of the laptop cloud listens: it is nobody else's business."""


def find_free_port(*preferred: int) -> int:
    """The first of the preferred ports that is free, or else any free port.

    Raises:
        OSError: none is free.
    """
    for port in preferred:
        try:
            return _bind(port)
        except OSError:
            continue
    return _bind(0)


def _bind(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        free: int = probe.getsockname()[1]
        return free
