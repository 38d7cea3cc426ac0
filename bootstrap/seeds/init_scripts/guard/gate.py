"""Runs one init script behind a guard and passes its connections on to its emulator, and to nothing else.

Run as `python -S -m bootstrap.seeds.init_scripts.guard.gate FILE`; the file holds a `Launch` as JSON. With `--probe` it
prints the strongest guard that was seen to hold on this machine, with `--probe=GUARD` whether that one does.
"""

import contextlib
import functools
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bootstrap.seeds.init_scripts.guard.confinement import (
    SANDBOX_PROGRAM,
    Guard,
    die_with_parent,
    enter_namespace,
    listen,
    restrict_connections,
    sandboxed,
)

_CHUNK = 1 << 16
_MOST_DESCRIPTORS = 250
_SIGNATURE = re.compile(rb"Credential=([^/\s]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_LONGEST_SIGNATURE = 200
_NOT_STARTED = 126
_TRY = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()"


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """One script, ready to be started."""

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    log: str
    """What it prints goes there as it comes."""
    outcome: str
    """Where its end is noted, as an `Outcome`."""
    guard: str
    host: str
    """The emulator's address, a number."""
    port: int
    ports: list[int] = field(default_factory=list)
    """Ports of its own network that lead to the emulator besides the emulator's own."""
    hosts: str = ""
    """The file that stands for /etc/hosts there."""
    read_only: list[str] = field(default_factory=list)
    writable: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a script ended."""

    code: int
    """As a shell reports it: 128 and the signal's number if a signal ended it."""
    signed: list[list[str]] = field(default_factory=list)
    """(access key, region, service) of the requests that went through the gate; empty without a network of its own."""


def main() -> None:
    """Run the script to its end, or probe."""
    option, _, only = sys.argv[1].partition("=")
    if option == "--probe":
        sys.stdout.write(strongest_guard([Guard(only)] if only else list(Guard)))
        return
    # A script goes on for nobody if the run that waits for it is killed.
    die_with_parent()
    launch = Launch(**json.loads(Path(sys.argv[1]).read_text()))
    outcome = run(launch)
    Path(launch.outcome).write_text(json.dumps(asdict(outcome)))
    # What it left running could reach nothing any more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGTERM)
    sys.exit(0 if outcome.code == 0 else 1)


def run(launch: Launch) -> Outcome:
    """Start the script behind its guard, pass connections on, and wait for its end."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _become(launch, theirs)
    theirs.close()
    relay = _Relay(launch.host, launch.port)
    with ours:
        _message, descriptors, _flags, _address = socket.recv_fds(ours, 1, _MOST_DESCRIPTORS)
        for descriptor in descriptors:
            relay.serve(socket.socket(fileno=descriptor))
        with contextlib.suppress(BrokenPipeError):
            ours.sendall(b"1")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Outcome(code=code if code >= 0 else 128 - code, signed=sorted(map(list, relay.signed)))


def _become(launch: Launch, parent: socket.socket) -> None:
    """In the child: enter the guard, hand its listening sockets to the gate, and become the script."""
    try:
        die_with_parent()
        log = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        argv, listeners = _guarded(launch)
        socket.send_fds(parent, [b"1"], [listener.fileno() for listener in listeners[:_MOST_DESCRIPTORS]])
        for listener in listeners:
            listener.close()
        parent.recv(1)
        parent.close()
        os.chdir(launch.cwd)
        os.execve(argv[0], argv, launch.environment)  # noqa: S606 - the argument list is the whole program
    except OSError as error:
        os.write(2, f"cannot start {launch.argv[0]}: {error}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _guarded(launch: Launch) -> tuple[list[str], list[socket.socket]]:
    match Guard(launch.guard):
        case Guard.NAMESPACE:
            enter_namespace(
                hosts=Path(launch.hosts),
                read_only=[Path(name) for name in launch.read_only],
                writable=[Path(name) for name in launch.writable],
            )
            return launch.argv, listen(sorted({launch.port, *launch.ports}))
        case Guard.LANDLOCK:
            restrict_connections([launch.port])
        case Guard.SANDBOX:
            return sandboxed(launch.argv, [launch.port]), []
        case Guard.NONE:
            pass
    return launch.argv, []


class _Relay:
    """Takes connections inside the script's network and leads every one of them to the emulator."""

    def __init__(self, host: str, port: int) -> None:
        self.signed: set[tuple[str, str, str]] = set()
        self._address = (host, port)

    def serve(self, listener: socket.socket) -> None:
        _in_thread(lambda: self._accept(listener))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            _in_thread(functools.partial(self._pass, peer))

    def _pass(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError), socket.create_connection(self._address) as emulator:
            back = _in_thread(lambda: _copy(emulator, peer, lambda _piece: None))
            _copy(peer, emulator, self._reader())
            back.join()

    def _reader(self) -> Callable[[bytes], None]:
        rest = b""

        def read(piece: bytes) -> None:
            nonlocal rest
            for key, region, service in _SIGNATURE.findall(rest + piece):
                self.signed.add((key.decode(), region.decode(), service.decode()))
            rest = piece[-_LONGEST_SIGNATURE:]

        return read


def _copy(source: socket.socket, target: socket.socket, read: Callable[[bytes], None]) -> None:
    try:
        while piece := source.recv(_CHUNK):
            read(piece)
            target.sendall(piece)
    except OSError:
        pass
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _in_thread(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def strongest_guard(guards: Sequence[Guard]) -> Guard:
    """The first guard behind which a program was seen to reach its emulator, and not the listener beside it."""
    return next((guard for guard in guards if guard is not Guard.NONE and _holds(guard)), Guard.NONE)


def _holds(guard: Guard) -> bool:
    if guard is Guard.SANDBOX and not SANDBOX_PROGRAM.exists():
        return False
    with _listening() as emulator, _listening() as stranger, _scratch() as folder:
        return _reaches(guard, emulator, emulator, folder) and not _reaches(guard, emulator, stranger, folder)


def _reaches(guard: Guard, emulator: int, port: int, folder: str) -> bool:
    launch = Launch(
        argv=[sys.executable, "-I", "-S", "-c", _TRY, "127.0.0.1", str(port)],
        cwd="/",
        environment={},
        log=f"{folder}/log",
        outcome="",
        guard=guard,
        host="127.0.0.1",
        port=emulator,
        hosts="/etc/hosts",
    )
    return run(launch).code == 0


@contextlib.contextmanager
def _listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    import tempfile  # noqa: PLC0415 - only for the probe: a script's start is on every script's way

    with tempfile.TemporaryDirectory(prefix="bootstrap-probe-") as folder:
        yield folder


if __name__ == "__main__":
    main()
