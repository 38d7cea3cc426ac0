"""HTTP to one server: connections that are kept and reused, and requests that a cancel ends at once.

No proxy, no redirect and no environment: who asks decides. urllib3 does the protocol. Nothing is sent twice, except in
one case, as in Go's net/http: the server closed an idle connection at the very moment at which it was used again.

    connections = Connections("127.0.0.1", 4566)
    connections.exchange("GET", "/health", cancel).status

urllib3 is imported with this module, which the main thread does when it makes the adapters: two threads that begin to
import it and botocore at the same moment lock each other out (bugs.python.org/issue38884).
"""

import contextlib
import queue
import selectors
import ssl
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from bootstrap.system.clock import CancelToken

_CANCEL_SECONDS = 0.2
_SAFE_METHODS = ("GET", "HEAD")
_CLIENT = {"User-Agent": "bootstrap"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What the server answered; a redirect or an error is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    """Found by names in any case."""
    body: bytes


class NoAnswerError(OSError):
    """The server cannot be reached, or the connection broke off; a refused one is a ConnectionRefusedError."""


class Connections:
    """Connections to one server; several threads at once, each request on a connection of its own meanwhile."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, server_name: str | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._server_name = server_name
        self._idle: queue.LifoQueue[HTTPConnection] = queue.LifoQueue()
        weakref.finalize(self, _close_all, self._idle)

    def exchange(
        self,
        method: str,
        target: str,
        cancel: CancelToken,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401 - bytes or a file
        seconds: float = 30.0,
    ) -> Response:
        """Send one request; `seconds` bound connecting, the wait for the answer, and each read of it.

        A GET or HEAD that a server's close of an idle connection has cut off is sent again on a new one.

        Raises:
            OSError: the server does not answer; ConnectionRefusedError if nobody listens.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        cancel.check()
        try:
            while True:
                with self._connection(seconds) as connection:
                    reused = connection.sock is not None
                    try:
                        connection.request(
                            method, target, body=body, headers={**_CLIENT, **(headers or {})}, decode_content=False
                        )
                        _await_answer(connection, seconds, cancel)
                        response = connection.getresponse()
                    except (ConnectionResetError, BrokenPipeError, RemoteDisconnected):
                        if not reused or method not in _SAFE_METHODS:
                            raise
                        connection.close()  # without a socket it opens a new one when it is used again
                        continue
                    return Response(status=response.status, headers=response.headers, body=response.data)
        except (HTTPError, HTTPException) as error:
            raise _as_os_error(error) from error

    def close(self) -> None:
        """Close the connections that are idle."""
        _close_all(self._idle)

    @contextlib.contextmanager
    def _connection(self, seconds: float) -> Iterator[HTTPConnection]:
        """An open connection; one that failed is closed, the others are kept for the next request."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect(seconds)
        connection.timeout = seconds
        if connection.sock is not None and not connection.is_connected:
            connection.close()  # the server closed it meanwhile; the request opens it again
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def _connect(self, seconds: float) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=seconds)
        return HTTPSConnection(
            self._host, self._port, timeout=seconds, ssl_context=self._tls, server_hostname=self._server_name
        )


def _await_answer(connection: HTTPConnection, seconds: float, cancel: CancelToken) -> None:
    """Wait until the server begins to answer; a cancel ends the wait at once, a hung server ends it in `seconds`."""
    until = cancel.clock.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        while not selector.select(_CANCEL_SECONDS):
            if cancel.cancelled:
                cancel.check()
            if cancel.clock.monotonic() >= until:
                raise TimeoutError(f"no answer within {seconds:.0f}s")


def _as_os_error(error: Exception) -> OSError:
    """The system's own error, where urllib3 wrapped one."""
    if isinstance(error, OSError):
        return error
    cause = error.__cause__ or error.__context__
    return cause if isinstance(cause, OSError) else NoAnswerError(str(error) or type(error).__name__)


def _close_all(idle: "queue.LifoQueue[HTTPConnection]") -> None:
    while not idle.empty():
        idle.get_nowait().close()
