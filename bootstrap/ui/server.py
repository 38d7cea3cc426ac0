"""The server: on loopback alone, with a token of its own, until its work is cancelled."""

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn

from bootstrap.errors import RefusedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import started_at
from bootstrap.system.sockets import LOOPBACK
from bootstrap.ui.app import guarded_app
from bootstrap.ui.source import Source

_PAUSE = 0.5
_CLOSING_SECONDS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the pages are, and what lets a browser in."""

    port: int
    token: str
    pid: int = 0
    started: str = ""
    """When that process started; see `started_at`."""

    @property
    def url(self) -> str:
        """What to open."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    def write(self, state: StatePaths) -> None:
        """Write it into the stack's folder, for its owner alone."""
        fields = {"port": self.port, "token": self.token, "pid": self.pid, "started": self.started, "url": self.url}
        write_whole(state.ui, f"{json.dumps(fields)}\n".encode(), mode=0o600)


def served_address(state: StatePaths) -> Address | None:
    """Where the pages of this stack are served now; None: nowhere."""
    try:
        fields = json.loads(state.ui.read_bytes())
        address = Address(
            port=int(fields["port"]), token=str(fields["token"]), pid=int(fields["pid"]), started=str(fields["started"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if address.started and started_at(address.pid) == address.started else None


def new_token() -> str:
    """One that nobody can guess."""
    return secrets.token_urlsafe(32)


def serve(
    source: Source,
    cancel: CancelToken,
    *,
    listening: socket.socket,
    token: str,
    ready: Callable[[Address], None] = lambda _address: None,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Serve the pages of one stack until the token is cancelled or `until` is true; `ready` is given the address.

    Raises:
        CancelledError: the token is cancelled.
    """
    work = cancel.child()
    started = started_at(os.getpid()) or ""
    address = Address(port=listening.getsockname()[1], token=token, pid=os.getpid(), started=started)
    app = guarded_app(source, work, token=address.token, port=address.port)
    with listening, _running(app, listening, work), _written(address, source.state):
        ready(address)
        while not until():
            cancel.sleep(_PAUSE)


def listen(port: int = 0) -> socket.socket:
    """A socket of 127.0.0.1 that listens: whoever connects waits until it is served.

    Raises:
        RefusedError: the port is in use.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise RefusedError(
            f"port {port} of {LOOPBACK} cannot be listened on: {error.strerror}", fix="leave out --port"
        ) from error
    listening.listen()
    return listening


@contextlib.contextmanager
def _running(app: Callable[..., object], listening: socket.socket, work: CancelToken) -> Iterator[None]:
    """The server in a thread of its own, which never takes a signal; its work is cancelled when it ends."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
        h11_max_incomplete_event_size=1 << 14,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        work.cancel("the server ends")
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def _written(address: Address, state: StatePaths) -> Iterator[None]:
    """The file of the address, while it is true; `down` may remove its folder meanwhile."""
    address.write(state)
    try:
        yield
    finally:
        mine = served_address(state)
        if mine is not None and mine.token == address.token:
            state.ui.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                state.folder.rmdir()
