import os
import socket
import sys
from pathlib import Path

import pytest

from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import first_free, free_port, holder_of, is_free

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def holder(port: int) -> str:
    clock = SystemClock()
    return holder_of(port, SystemProcesses(clock), CancelToken(clock))


def test_a_taken_port_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        assert free_port(port) is None
        assert holder(port) == f"pid {os.getpid()} ({Path('/proc/self/comm').read_text().strip()})"
    assert is_free(port)
    assert free_port(port) == port
    assert holder(port) == "another program"


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
        assert first_free(port, 1) is None
        assert first_free(port, 50) not in {None, port}
