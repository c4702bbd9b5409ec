"""The client that costs next to nothing reads whole answers, in however many pieces they come."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.serving import HOST, Asking, Connection, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ASKING = Asking("/invocations", "application/json", (b"{}",))
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def answer_each(request: bytes, pieces: Sequence[bytes]) -> Iterator[int]:
    """A server of one connection that answers every whole request with these pieces, and then closes it."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                received = b""
                while len(received) % len(request) or not received:
                    received += connection.recv(1 << 16)
                assert received == request
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(0.01)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_a_request_names_its_length() -> None:
    written = ASKING.write(b"{}")

    assert written.startswith(b"POST /invocations HTTP/1.1\r\n")
    assert written.endswith(b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    "pieces",
    [
        [ANSWER],
        [ANSWER[:10], ANSWER[10:]],
        [ANSWER[:-5], ANSWER[-5:]],
        [ANSWER[:-3], ANSWER[-3:-1], ANSWER[-1:]],
        [ANSWER.lower()],
    ],
)
def test_an_answer_is_whole_however_it_comes(pieces: list[bytes]) -> None:
    request = ASKING.write(b"{}")
    with answer_each(request, pieces) as port, Connection(port) as connection:
        assert connection.ask(request) == (200, b"hello")


def test_half_an_answer_is_none() -> None:
    request = ASKING.write(b"{}")
    with (
        answer_each(request, [ANSWER[:-2]]) as port,
        Connection(port) as connection,
        pytest.raises(ConnectionResetError, match="in the middle of an answer"),
    ):
        connection.ask(request)


def test_a_refusal_is_no_measurement() -> None:
    refusal = ANSWER.replace(b"200 OK", b"424 No")
    with (
        answer_each(ASKING.write(b"{}"), [refusal]) as port,
        pytest.raises(RuntimeError, match="a peer answered 424: b'hello'"),
    ):
        Server("a peer", port, 0).ask(ASKING)
