"""Runs a program inside a container that is fed through its standard input."""

import contextlib
import ssl
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until

if TYPE_CHECKING:
    from docker.models.containers import Container  # loads slowly; only adapters that run need it

_POLL_SECONDS = 0.25
_EXIT_SECONDS = 0.02
_HEADER = struct.Struct(">BxxxL")
"""Before each piece of output: which stream it is of, and its length."""
_PIECE = 64 * 1024


class FedProgram:
    """One program; close it, or use it as a context manager."""

    def __init__(self, container: "Container", argv: Sequence[str]) -> None:
        """Start it.

        Raises:
            docker.errors.APIError: the container is not running.
        """
        self._api: Any = container.client.api  # type: ignore[union-attr]  # whoever came from an engine has one
        self._id: str = self._api.exec_create(container.id, list(argv), stdin=True)["Id"]
        self._connection: Any = self._api.exec_start(self._id, socket=True)
        # Over a Unix socket or TCP the library hands out a reader around the socket, which cannot be written to.
        self._socket: Any = getattr(self._connection, "_sock", self._connection)
        self._socket.settimeout(_POLL_SECONDS)

    def write(self, data: bytes, cancel: CancelToken) -> None:
        """Feed it; returns once all of it is on its way.

        Raises:
            OSError: the program has ended.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        rest = memoryview(data)
        while rest:
            cancel.check()
            with contextlib.suppress(TimeoutError):
                rest = rest[self._socket.send(rest) :]

    def end(self, cancel: CancelToken) -> tuple[int, bytes]:
        """Let it come to its end: its exit code, and what it wrote.

        Raises:
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        # One end of a TLS connection cannot be closed alone: the program has to know the end of its input itself.
        if not isinstance(self._socket, ssl.SSLSocket):
            with contextlib.suppress(OSError, AttributeError):
                self._socket.shutdown(1)
        output = self._output(cancel)

        def code() -> int | None:
            ended: int | None = self._api.exec_inspect(self._id)["ExitCode"]
            return ended

        return wait_until(code, cancel, interval=_EXIT_SECONDS), output

    def _output(self, cancel: CancelToken) -> bytes:
        received = bytearray()
        while True:
            cancel.check()
            try:
                piece = self._socket.recv(_PIECE)
            except TimeoutError:
                continue
            except OSError:
                piece = b""
            if not piece:
                return without_headers(bytes(received))
            received += piece

    def close(self) -> None:
        """Leave it; a program that still waits for input finds its end."""
        with contextlib.suppress(OSError):
            self._connection.close()
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()


def without_headers(received: bytes) -> bytes:
    """The output of a program as an engine sends it: both streams, in the order in which they were written."""
    output, at = bytearray(), 0
    while at + _HEADER.size <= len(received):
        _stream, length = _HEADER.unpack_from(received, at)
        at += _HEADER.size
        output += received[at : at + length]
        at += length
    return bytes(output)
