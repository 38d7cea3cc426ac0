"""The server: reached on loopback alone, its address for its owner alone, gone when its work is cancelled."""

import contextlib
import http.client
import os
import socket
import stat
import threading
from collections.abc import Iterator

import pytest

from bootstrap.errors import CancelledError, RefusedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.ui.server import Address, listen, serve, served_address
from fakes.pages import Pages


class Served:
    """A server in a thread of this test."""

    def __init__(self, pages: Pages) -> None:
        self.cancel = CancelToken(SystemClock())
        self.source = pages.source
        self.address: Address | None = None
        self.ended: type[BaseException] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        try:
            serve(self.source, self.cancel, listening=listen(), token="the-token", ready=self._take)
        except CancelledError as error:
            self.ended = type(error)

    def _take(self, address: Address) -> None:
        self.address = address
        self._ready.set()

    def __enter__(self) -> Address:
        """Wait until it listens."""
        self._thread.start()
        assert self._ready.wait(30)
        assert self.address is not None
        return self.address

    def __exit__(self, *error: object) -> None:
        """Stop it, and wait until it has ended."""
        self.cancel.cancel("the test ends")
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def asked(port: int, target: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", target.removeprefix(f"http://127.0.0.1:{port}"), headers=headers)
        with connection.getresponse() as answered:
            yield answered


def test_it_serves_until_it_is_stopped(pages: Pages) -> None:
    state = pages.source.state
    with (served := Served(pages)) as address:
        with asked(address.port, address.url) as answered:
            assert answered.status == 200
        with asked(address.port, "/") as answered:
            assert answered.status == 403
        assert stat.S_IMODE(state.ui.stat().st_mode) == 0o600
        assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
        assert served_address(state) == address
    assert served.ended is CancelledError
    assert served_address(state) is None
    assert not state.folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", address.port)) != 0


def test_it_ends_while_a_page_is_open(pages: Pages) -> None:
    with contextlib.ExitStack() as pages_open, Served(pages) as address:
        with asked(address.port, address.url) as answered:
            cookie = answered.headers["set-cookie"].partition(";")[0]
        stream = pages_open.enter_context(asked(address.port, "/api/live", Cookie=cookie))
        assert stream.readline() == b"retry: 1000\n"


def test_other_addresses_of_this_machine_are_not_listened_on(pages: Pages) -> None:
    with Served(pages) as address, socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", address.port)) != 0


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port}"):
            listen(port)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"port": "x"}', '{"port": 1, "token": "t", "pid": 1, "started": ""}'],
)
def test_a_file_of_a_server_that_is_gone_names_none(pages: Pages, text: str) -> None:
    state = pages.source.state
    state.folder.mkdir(parents=True)
    state.ui.write_text(text)
    assert served_address(state) is None
    Address(port=1, token="t", pid=os.getpid(), started="another time").write(state)
    assert served_address(state) is None
