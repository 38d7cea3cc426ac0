import os
import socket
import sys
from pathlib import Path

import pytest

from bootstrap.clusters.kwok.sockets import free_port, holder, is_free

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_taken_port_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        held = holder(port)
        assert held is not None
        assert held.pid == os.getpid()
        assert str(held) == f"pid {os.getpid()} ({Path('/proc/self/comm').read_text().strip()})"
    assert is_free(port)
    assert holder(port) is None


def test_the_remains_of_a_connection_do_not_take_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first is the one that lingers
    assert is_free(port)


def test_the_first_free_port_of_a_range_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert free_port(port, 1) is None
        assert free_port(port, 50) not in {None, port}
