"""Ports of this machine: which are free, and who holds those that are not."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Processes

LOOPBACK = "127.0.0.1"
_LISTEN = "0A"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """A TCP socket that waits for connections."""

    address: str
    port: int
    inode: str


def is_free(port: int) -> bool:
    """Whether this port of 127.0.0.1 can be listened on now."""
    return free_port(port) is not None


def first_free(first: int, count: int) -> int | None:
    """The first free port of `count` from `first` on; None: all are in use."""
    return next((port for port in range(first, first + count) if is_free(port)), None)


def free_port(port: int = 0) -> int | None:
    """The port, or any (0), if it can be listened on at 127.0.0.1 now; None if it is in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections only linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return None
        return int(probe.getsockname()[1])


def holder_of(port: int, processes: Processes, cancel: CancelToken) -> str:
    """Who listens on the port, as `pid 4711 (docker-proxy)`, or `another program` when that cannot be seen."""
    if Path("/proc/net/tcp").exists():
        pids = sorted(set(_pids_with({listener.inode for listener in _listening() if listener.port == port})))
        return ", ".join(f"pid {pid} ({_name(pid)})" for pid in pids) or "another program"
    return _asked_lsof(port, processes, cancel)


def listeners_of(pids: Iterable[int]) -> tuple[Listener, ...]:
    """The listening TCP sockets of these processes (Linux)."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    return tuple(listener for listener in _listening() if listener.inode in inodes)


def listens_everywhere(port: int) -> bool | None:
    """Whether somebody listens on this port at all of this machine's addresses; None: that cannot be seen here."""
    if not Path("/proc/net/tcp").exists():
        return None
    return any(listener.port == port and listener.address in {"0.0.0.0", "::"} for listener in _listening())  # noqa: S104 - compared, not bound


def _listening() -> Iterator[Listener]:
    for family, table in ((socket.AF_INET, "/proc/net/tcp"), (socket.AF_INET6, "/proc/net/tcp6")):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, _, port = fields[1].partition(":")
                yield Listener(address=_readable(address, family), port=int(port, 16), inode=fields[9])


def _readable(hexadecimal: str, family: socket.AddressFamily) -> str:
    # The kernel prints each 32-bit word in the byte order of this machine.
    words = [int(hexadecimal[start : start + 8], 16) for start in range(0, len(hexadecimal), 8)]
    return socket.inet_ntop(family, b"".join(word.to_bytes(4, "little") for word in words))


def _pids_with(inodes: set[str]) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and inodes & set(_socket_inodes(int(folder.name))):
            yield int(folder.name)


def _socket_inodes(pid: int) -> Iterator[str]:
    # Processes end while they are looked at, and other users' cannot be looked into.
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "ended"


def _asked_lsof(port: int, processes: Processes, cancel: CancelToken) -> str:
    command = Command(argv=("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"))
    try:
        lines = processes.run(command, cancel.within(5, "lsof"), check=False).text().splitlines()
    except RefusedError:
        return "another program"
    pids = [line[1:] for line in lines if line.startswith("p")]
    names = [line[1:] for line in lines if line.startswith("c")]
    return ", ".join(f"pid {pid} ({name})" for pid, name in zip(pids, names, strict=False)) or "another program"
