import socket
import threading

import pytest
from pytest_bootstrap_stack.relay import Relay
from pytest_bootstrap_stack.stack import unready_text


@pytest.fixture
def echo() -> int:
    """A server that answers each connection with what it was sent, once that has ended."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
        with connection:
            content = b""
            while part := connection.recv(1000):
                content += part
            connection.sendall(content.upper())

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_relay_passes_all_on_and_knows_whether_it_was_used(echo: int) -> None:
    relay = Relay("127.0.0.1", echo)
    touched = [relay.touched]
    with socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2]))) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b"HELLO"
        touched.append(relay.touched)
        relay.reset()
        assert client.recv(1000) == b""
    assert [*touched, relay.touched] == [False, True, False]
    relay.close()


def test_a_relay_to_nobody_ends_the_connection() -> None:
    relay = Relay("127.0.0.1", 9)
    with socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2]))) as client:
        assert client.recv(1000) == b""
    relay.close()


def test_what_is_not_ready_is_told_with_its_causes() -> None:
    cause = {"text": "no node can run it", "evidence": ["0/1 nodes"], "fix": "add a node"}
    parts = [
        {"name": "cluster", "health": "up", "detail": "", "causes": [], "evidence": []},
        {"name": "release/web/web", "health": "not ready", "detail": "0/1", "causes": [cause], "evidence": ["x"]},
        {"name": "seeds", "health": "down", "detail": "1 to create", "causes": [], "evidence": ["sqs/orders"]},
    ]
    assert unready_text({"parts": parts}).splitlines() == [
        "release/web/web is not ready: 0/1",
        "  Cause: no node can run it",
        "    0/1 nodes",
        "    Fix: add a node",
        "seeds is down: 1 to create",
        "  sqs/orders",
    ]
    assert unready_text({"parts": parts[:1]}) == ""
