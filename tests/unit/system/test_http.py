import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bootstrap.errors import CancelledError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.http import Connections


@pytest.fixture
def token() -> CancelToken:
    return CancelToken(SystemClock())


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that gives one answer to each connection, closes it, and notes what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(5)


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-Kind: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_an_answer_with_headers_in_any_case(token: CancelToken) -> None:
    with server(ok(b"hello")) as (port, asked):
        response = Connections("127.0.0.1", port).exchange("GET", "/a?b=c", token)
    assert (response.status, response.headers["x-kind"], response.body) == (200, "a", b"hello")
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"User-Agent: bootstrap\r\n" in asked[0]


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again(token: CancelToken) -> None:
    with server(ok(b"1"), ok(b"2")) as (port, _):
        connections = Connections("127.0.0.1", port)
        assert connections.exchange("GET", "/", token).body == b"1"
        assert connections.exchange("GET", "/", token).body == b"2"


@contextmanager
def cutting_server() -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers the first request of its first connection and resets it at the second one."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            first, _ = listener.accept()
            asked.append(first.recv(65536))
            first.sendall(ok(b"1"))
            first.recv(1)  # the rest stays unread, so that closing resets the connection
            first.close()
            with contextlib.suppress(OSError):  # nobody comes where nothing is sent again
                second, _ = listener.accept()
                with second:
                    asked.append(second.recv(65536))
                    second.sendall(ok(b"2"))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_read_that_meets_the_server_closing_is_sent_again(token: CancelToken) -> None:
    with cutting_server() as (port, asked):
        connections = Connections("127.0.0.1", port)
        assert connections.exchange("GET", "/", token).body == b"1"
        assert connections.exchange("GET", "/", token).body == b"2"
    assert len(asked) == 2


def test_a_write_that_meets_the_server_closing_is_not(token: CancelToken) -> None:
    with cutting_server() as (port, asked):
        connections = Connections("127.0.0.1", port)
        assert connections.exchange("GET", "/", token).body == b"1"
        with pytest.raises(OSError, match=r"."):
            connections.exchange("POST", "/", token, body=b"x")
    assert len(asked) == 1


def test_a_redirect_is_an_answer_and_goes_nowhere(token: CancelToken) -> None:
    with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as (port, _):
        assert Connections("127.0.0.1", port).exchange("GET", "/", token).status == 302


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_what_breaks_off_or_is_not_http_is_an_os_error(answer: bytes, token: CancelToken) -> None:
    with server(answer) as (port, _), pytest.raises(OSError, match=r"."):
        Connections("127.0.0.1", port).exchange("GET", "/", token)


def test_nobody_listening_is_told_apart(token: CancelToken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        Connections("127.0.0.1", port).exchange("GET", "/", token)


def test_a_cancel_ends_the_wait_for_an_answer(token: CancelToken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Timer(0.05, token.cancel, args=("stopped",)).start()
        with pytest.raises(CancelledError, match="stopped"):
            Connections("127.0.0.1", listener.getsockname()[1]).exchange("GET", "/", token)


def test_a_proxy_of_the_environment_is_not_asked(token: CancelToken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server(ok(b"direct")) as (port, _):
        assert Connections("127.0.0.1", port).exchange("GET", "/", token).body == b"direct"
