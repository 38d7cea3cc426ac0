"""One HTTP exchange with one address: no proxy, no redirect, no environment, bounded in time and size."""

import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from bootstrap.emulators.address import Address
from bootstrap.errors import BootstrapError, DeadlineError
from bootstrap.system.clock import CancelToken

_SLICE_SECONDS = 0.25
_MAX_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to ask."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class NoAnswerError(BootstrapError):
    """Nobody answers there, or not in HTTP."""


def exchange(address: Address, request: Request, cancel: CancelToken, *, seconds: float = 5.0) -> Answer:
    """Ask once.

    Raises:
        NoAnswerError: refused, cut off, too slow, too long, or not HTTP.
        CancelledError: the token is cancelled.
    """
    token = cancel.within(seconds, f"answer of {address.url}{request.path}")
    try:
        with socket.create_connection((address.host, address.port), timeout=seconds) as connection:
            connection.sendall(_encoded(address, request))
            return _parsed(_everything(connection, token), request.method)
    except (OSError, http.client.HTTPException, ValueError, DeadlineError) as error:
        if isinstance(error, DeadlineError):
            cancel.check()
        raise NoAnswerError(
            f"{address.url}{request.path} does not answer: {str(error) or type(error).__name__}"
        ) from error


def _encoded(address: Address, request: Request) -> bytes:
    headers = {
        "Host": address.url.removeprefix("http://"),
        "Connection": "close",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(request.body)),
        **request.headers,
    }
    head = f"{request.method} {request.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return head.encode("ascii") + b"\r\n" + request.body


def _everything(connection: socket.socket, token: CancelToken) -> bytes:
    # Read by hand: http.client has a time limit per read only, so a peer that drips bytes would hold us for ever.
    received = bytearray()
    connection.settimeout(_SLICE_SECONDS)
    while True:
        token.check()
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            continue
        if not piece:
            return bytes(received)
        received += piece
        if len(received) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")


class _Received:
    """What http.client parses in place of a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> IO[bytes]:
        return io.BytesIO(self._content)


def _parsed(content: bytes, method: str) -> Answer:
    response = http.client.HTTPResponse(_Received(content), method=method)  # type: ignore[arg-type]  # makefile is all it uses
    response.begin()
    body = response.read()
    return Answer(
        status=response.status, headers={key.lower(): value for key, value in response.getheaders()}, body=body
    )
