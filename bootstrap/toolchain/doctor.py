"""Examines the machine: what is fine, what to know, what must be repaired before a stack can come up."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.model.check import Check, Level, Probe
from bootstrap.system.files import private_folder
from bootstrap.toolchain.find import Found, Missing, Toolchain
from bootstrap.toolchain.programs import EMBEDDED, PROGRAMS, Wheel

_GIB = 1024**3
_OLDEST_PYTHON = (3, 11)
# Go's sources take 1.9 GiB, what it compiles of them at most 4.1 GiB, the programs 0.3 GiB.
_DISK_TO_BUILD = 7 * _GIB
_DISK_TO_RUN = _GIB
# An embedded control plane holds 550 MiB; helm, the emulator and this program need the rest.
_MEMORY = int(1.5 * _GIB)
_INOTIFY = {"max_user_instances": 128, "max_user_watches": 8192}


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the probes of this room look at."""

    toolchain: Toolchain
    environment: Mapping[str, str]
    cache: Path
    """`$XDG_CACHE_HOME/bootstrap`."""
    state: Path
    """`$XDG_STATE_HOME/bootstrap`."""
    proc: Path = Path("/proc")


def examine(probes: Sequence[Probe]) -> tuple[Check, ...]:
    """Every check of every probe, in order."""
    return tuple(check for probe in probes for check in probe())


def findings(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Those that must be repaired."""
    return tuple(check for check in checks if check.level is Level.FINDING)


def machine_probes(machine: Machine) -> tuple[Probe, ...]:
    """The probes of this room; start the list with them."""
    return (
        _python,
        lambda: _git(machine),
        lambda: _folders(machine),
        lambda: _disk(machine),
        lambda: _memory(machine),
        lambda: _inotify(machine),
        lambda: _sockets(machine),
        lambda: tuple(_program(machine, name) for name in PROGRAMS),
    )


def _python() -> Sequence[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return (Check(subject="python", level=Level.FINE, text=f"{version} at {sys.executable}"),)
    return (_finding("python", f"{version} is too old", "use Python 3.11 or newer"),)


def _git(machine: Machine) -> Sequence[Check]:
    path = shutil.which("git", path=machine.environment.get("PATH", ""))
    if path is None:
        return (_finding("git", "not on PATH", "install git, for example: apt install git"),)
    return (Check(subject="git", level=Level.FINE, text=path),)


def _folders(machine: Machine) -> Sequence[Check]:
    checks = []
    for subject, folder, variable in (
        ("state folder", machine.state, "XDG_STATE_HOME"),
        ("cache folder", machine.cache, "XDG_CACHE_HOME"),
    ):
        try:
            with tempfile.TemporaryFile(dir=private_folder(folder)):
                checks.append(Check(subject=subject, level=Level.FINE, text=str(folder)))
        except OSError as error:
            fix = f"make it writable, or set {variable} to a folder that is"
            checks.append(_finding(subject, f"{folder} cannot be written: {error.strerror}", fix))
    return checks


def _disk(machine: Machine) -> Sequence[Check]:
    folder = _nearest(machine.cache)
    free = shutil.disk_usage(folder).free
    builds = any(isinstance(program, Missing) for program in _here(machine, EMBEDDED))
    needed = _DISK_TO_BUILD if builds else _DISK_TO_RUN
    text = f"{_gib(free)} free for {folder}"
    if free >= needed:
        return (Check(subject="disk", level=Level.FINE, text=text),)
    why = "the first build of the programs" if builds else "a stack"
    return (
        _finding(
            "disk", f"{text}; {why} needs {_gib(needed)}", "free some space, or set XDG_CACHE_HOME to another disk"
        ),
    )


def _here(machine: Machine, names: Sequence[str]) -> Sequence[Found | Missing]:
    """Programs that are named wrongly are reported by their own probe."""
    try:
        return machine.toolchain.resolve_all(names)
    except RefusedError:
        return ()


def _memory(machine: Machine) -> Sequence[Check]:
    available = _available_memory(machine.proc)
    if available is None:
        return (Check(subject="memory", level=Level.NOTE, text="this system does not report how much is free"),)
    text = f"{_gib(available)} free"
    if available >= _MEMORY:
        return (Check(subject="memory", level=Level.FINE, text=text),)
    return (_finding("memory", f"{text}; a stack needs {_gib(_MEMORY)}", "end programs that use much of it"),)


def _available_memory(proc: Path) -> int | None:
    file = proc / "meminfo"
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _inotify(machine: Machine) -> Sequence[Check]:
    """Nodes on Docker and the controllers in them watch files; with too few of these they end without a word."""
    checks = []
    for name, least in _INOTIFY.items():
        file = machine.proc / "sys/fs/inotify" / name
        if not file.exists():
            continue
        value, subject = int(file.read_text()), f"inotify {name}"
        if value >= least:
            checks.append(Check(subject=subject, level=Level.FINE, text=str(value)))
        else:
            fix = f"raise it: sudo sysctl fs.inotify.{name}={least * 4}"
            checks.append(_finding(subject, f"{value} is below {least}", fix))
    return checks


def _sockets(machine: Machine) -> Sequence[Check]:
    checks = []
    for subject, make, fix in (
        ("loopback", _loopback_socket, "start the loopback interface: ip link set lo up"),
        ("unix sockets", lambda: _unix_socket(machine.state), "set XDG_STATE_HOME to a folder on a local disk"),
    ):
        try:
            checks.append(Check(subject=subject, level=Level.FINE, text=make()))
        except OSError as error:
            checks.append(_finding(subject, f"cannot be made: {error.strerror or error}", fix))
    return checks


def _loopback_socket() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
    return "a port on 127.0.0.1 can be opened"


def _unix_socket(state: Path) -> str:
    """In the folder itself: network and shared folders often have none. By a short relative name, as etcd does."""
    with tempfile.TemporaryDirectory(dir=_nearest(state)) as folder:
        # The address of a unix socket holds 107 bytes: reached through /proc, a deep folder is short again.
        opened = os.open(folder, os.O_RDONLY)
        try:
            near = f"/proc/self/fd/{opened}" if Path("/proc/self/fd").exists() else folder
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
                listening.bind(f"{near}/s")
        finally:
            os.close(opened)
    return f"can be made in {state}"


def _program(machine: Machine, name: str) -> Check:
    try:
        program = machine.toolchain.find(name)
    except RefusedError as error:
        return _finding(name, error.what, error.fix or "")
    if isinstance(program, Found):
        return Check(subject=name, level=Level.FINE, text=f"{program.version} at {program.path} ({program.why})")
    if not program.fetchable:
        return Check(subject=name, level=Level.NOTE, text=program.why)
    how = "from a wheel" if isinstance(PROGRAMS[name].build, Wheel) else "or built with go"
    source = f"downloaded {how}" if PROGRAMS[name].download is None else f"downloaded, {how}"
    text = f"{program.why}; {PROGRAMS[name].default_version} is {source} when it is needed"
    return Check(subject=name, level=Level.NOTE, text=text, fix=f"download it now: bootstrap tools fetch {name}")


def _finding(subject: str, text: str, fix: str) -> Check:
    return Check(subject=subject, level=Level.FINDING, text=text, fix=fix)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
