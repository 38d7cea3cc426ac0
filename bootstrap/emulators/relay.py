"""A port of 127.0.0.1 that leads to another one, which may come and go: who connects meanwhile waits a little."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable

from bootstrap.errors import DeadlineError
from bootstrap.system.clock import CancelToken
from bootstrap.system.sockets import LOOPBACK

_CHUNK = 1 << 16
_POLL_SECONDS = 0.05


class Lead:
    """Where a relay leads now; one thread sets it, many read it."""

    def __init__(self, cancel: CancelToken, hold_seconds: float) -> None:
        self._cancel = cancel
        self._hold_seconds = hold_seconds
        self._port: int | None = None
        self._since = cancel.clock.monotonic()

    def set(self, port: int | None) -> None:
        """It leads to this port from now on; None: nowhere."""
        if port != self._port:
            self._port, self._since = port, self._cancel.clock.monotonic()

    @property
    def holds(self) -> bool:
        """Whether it leads somewhere, or has until a moment ago: whoever connects now waits."""
        return self._port is not None or self._left() > 0

    def connect(self) -> socket.socket:
        """A connection; one that cannot be had at once is waited for, counted from when it was lost.

        Raises:
            DeadlineError: it leads nowhere, and has for some time.
        """
        seconds = self._hold_seconds if self._port is not None else self._left()
        token = self._cancel.within(seconds, "a connection to the emulator")
        while True:
            if self._port is not None:
                with contextlib.suppress(OSError):
                    return socket.create_connection((LOOPBACK, self._port))
            token.sleep(_POLL_SECONDS)

    def _left(self) -> float:
        return max(0.0, self._since + self._hold_seconds - self._cancel.clock.monotonic())


class Relay(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 and passes every connection on, both ways, until both ends have closed theirs."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, connect: Callable[[], socket.socket]) -> None:
        super().__init__((LOOPBACK, port), _Passing)
        self.connect = connect

    def begin(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()


class _Passing(socketserver.BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        try:
            beyond = self.server.connect()
        except DeadlineError:
            return
        with beyond:
            there = threading.Thread(target=_pass, args=(self.request, beyond), daemon=True)
            there.start()
            _pass(beyond, self.request)
            there.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    """Copy everything from one socket to the other, then close the other for writing."""
    try:
        while piece := source.recv(_CHUNK):
            target.sendall(piece)
    except OSError:
        # One end is gone: nobody reads what the other still has to say.
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
