"""Who listens where on this machine, as Linux tells it."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """The program that listens on a port."""

    pid: int
    program: str

    def __str__(self) -> str:
        """`pid 123 (nginx)`."""
        return f"pid {self.pid} ({self.program})"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Go's servers do: a port is not taken by the remains of connections that have ended.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(first: int, count: int) -> int | None:
    """The first free port of `count` from `first` on; None: all are taken."""
    return next((port for port in range(first, first + count) if is_free(port)), None)


def holder(port: int) -> Holder | None:
    """Who listens on this port; None: nobody, or a program of another user."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    if not wanted:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and wanted.intersection(_open_files(process)):
            return Holder(pid=int(process.name), program=_name(process))
    return None


def _listening(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(Path(table)):
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return []


def _open_files(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended, or belongs to another user
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed by now
                yield str(descriptor.readlink())


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "has just ended"
