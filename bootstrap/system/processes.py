"""The only room that starts a process.

Every child has its own process group, standard input closed or fed, and a bounded end: the polite signal first,
SIGKILL last. A recorded child is written down (pid, start time, program) before its program begins, so that
whoever comes after a killed run can end it or wait for it.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bootstrap.errors import BootstrapError, CancelledError, DeadlineError, RefusedError
from bootstrap.system.clock import CancelToken, Clock

_POLL_SECONDS = 0.05
_PRIVATE = 0o077
# A watcher beside the program reads a pipe whose other end is ours alone: it ends when we do, however we end.
_TETHER = '(IFS= read -r _ <"/dev/fd/$0"; kill -9 -$$) >/dev/null 2>&1 & exec "$@"'


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessIdentity:
    """One process for all time: a pid alone is reused, a pid with its start time is not."""

    pid: int
    started: str
    """The start time as the system reports it: clock ticks since boot and boot id on Linux, a date elsewhere."""
    program: str
    """For the reader; not part of the proof."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A program to run and how."""

    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    """The whole environment; None gives it this process's own."""
    cwd: Path | None = None
    stdin: bytes | None = None
    """What it reads; None closes its standard input. The place for secrets: argv is seen by all users."""
    polite: signal.Signals = signal.SIGTERM
    """The signal it is asked to stop with (helm: SIGINT, on which it records the failure)."""
    grace: float = 10.0
    """Seconds it may take after the polite signal before SIGTERM, and again before SIGKILL."""
    recorded: bool = False
    """Whether it changes something: then it is journalled before its program begins."""
    heard: Callable[[str], None] | None = None
    """Takes each line that it writes, as `run` reads it; all of them are collected as well."""
    descriptors: tuple[int, ...] = ()
    """Open files of ours that it has too, under the same numbers: a socket that listens already."""
    tethered: bool = False
    """Whether it is of use to us alone: then `run` has it killed, with its group, as soon as we are gone."""

    def __str__(self) -> str:
        """The command line, ready to paste."""
        return shlex.join(self.argv)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A program that ended."""

    returncode: int
    stdout: bytes
    stderr: bytes

    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    def lines(self) -> tuple[str, ...]:
        """The lines that describe a failure: standard error, or standard output if that is empty."""
        output = self.stderr if self.stderr.strip() else self.stdout
        return tuple(line for line in output.decode(errors="replace").splitlines() if line.strip())


class CommandFailedError(BootstrapError):
    """A program ended with a non-zero code; keeps the command and what it printed as fields."""

    def __init__(
        self, command: Command, finished: Finished, *, what: str | None = None, fix: str | None = None
    ) -> None:
        name = Path(command.argv[0]).name
        super().__init__(
            what or f"{name} failed with exit code {finished.returncode}",
            evidence=finished.lines(),
            command=str(command),
            fix=fix,
        )
        self.finished = finished


Record = Callable[[ProcessIdentity, Command], None]


class Processes(Protocol):
    """Starts programs and knows those that earlier runs started."""

    def run(self, command: Command, cancel: CancelToken, *, check: bool = True) -> Finished:
        """Run to the end. On cancel or deadline the whole process group is ended first.

        Raises:
            CommandFailedError: non-zero exit code and `check`.
            RefusedError: there is no such program.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        ...

    def spawn(self, command: Command, log: Path) -> ProcessIdentity:
        """Start a program that outlives this one; what it writes, and `log` with its output, is its owner's alone."""
        ...

    def alive(self, identity: ProcessIdentity) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        ...

    def stop(self, identity: ProcessIdentity, cancel: CancelToken, *, polite: signal.Signals, grace: float) -> None:
        """End it and its group: `polite`, SIGKILL after `grace` seconds; returns when it is gone."""
        ...

    def kill_running(self) -> None:
        """Kill every child that `run` waits for, with its group, at once; from any thread, even a signal handler."""
        ...


class SystemProcesses:
    """Processes of this machine."""

    def __init__(self, clock: Clock, record: Record = lambda _identity, _command: None) -> None:
        self._clock = clock
        self._record = record
        self._running: set[int] = set()

    def kill_running(self) -> None:
        """Kill every child that `run` waits for, with its group, at once; from any thread, even a signal handler."""
        for pid in tuple(self._running):
            _signal_group(pid, signal.SIGKILL)

    def run(self, command: Command, cancel: CancelToken, *, check: bool = True) -> Finished:
        """See `Processes.run`."""
        cancel.check()
        with _tether(command) as kept:
            return self._run(command, kept, cancel, check=check)

    def _run(self, command: Command, kept: tuple[int, ...], cancel: CancelToken, *, check: bool) -> Finished:
        child = self._start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, kept=kept)
        self._running.add(child.pid)
        output = _Collector(child, _gated_input(command), command.heard)
        try:
            while not output.done.is_set():
                cancel.check()
                self._clock.wait(output.done, _POLL_SECONDS)
        except (CancelledError, DeadlineError, KeyboardInterrupt):
            self._end_group(child, command)
            raise
        finally:
            self._running.discard(child.pid)
        finished = output.finished()
        if check and finished.returncode != 0:
            raise CommandFailedError(command, finished)
        return finished

    def spawn(self, command: Command, log: Path) -> ProcessIdentity:
        """See `Processes.spawn`."""
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            child = self._start(command, stdout=descriptor, stderr=subprocess.STDOUT, umask=_PRIVATE)
        finally:
            os.close(descriptor)
        identity = _identity(child.pid, command)
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(_gated_input(command) or b"")
                child.stdin.close()
        # The child is reaped here if it ends first, and is nobody's zombie if we do.
        threading.Thread(target=child.wait, daemon=True).start()
        return identity

    def alive(self, identity: ProcessIdentity) -> bool:
        """See `Processes.alive`."""
        return started_at(identity.pid) == identity.started

    def stop(self, identity: ProcessIdentity, cancel: CancelToken, *, polite: signal.Signals, grace: float) -> None:
        """See `Processes.stop`."""
        for number, seconds in ((polite, grace), (signal.SIGKILL, 10.0)):
            if not self.alive(identity):
                return
            _signal_living(identity.pid, number)
            until = self._clock.monotonic() + seconds
            while self.alive(identity) and self._clock.monotonic() < until:
                self._clock.wait(threading.Event(), _POLL_SECONDS)
                if cancel.cancelled:
                    break
        if self.alive(identity):
            raise DeadlineError(f"process {identity.pid} ({identity.program}) does not end")

    def _start(
        self, command: Command, *, stdout: int, stderr: int, kept: tuple[int, ...] = (), umask: int = -1
    ) -> "subprocess.Popen[bytes]":
        argv: Sequence[str] = command.argv
        if kept:
            argv = ("/bin/sh", "-c", _TETHER, str(kept[0]), *argv)
        if command.recorded:
            # It waits for one line before it becomes the program: by then it is in the journal, and if we die
            # first, the line never comes.
            argv = ("/bin/sh", "-c", 'IFS= read -r _ && exec "$0" "$@"', *argv)
        try:
            child = subprocess.Popen(
                argv,
                env=None if command.env is None else dict(command.env),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL if _gated_input(command) is None else subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                pass_fds=(*kept, *command.descriptors),
                umask=umask,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise RefusedError(
                f"cannot start {command.argv[0]}: {error.strerror}", fix="run: bootstrap doctor"
            ) from error
        if command.recorded:
            try:
                self._record(_identity(child.pid, command), command)
            except BaseException:
                # Without its line it ends by itself; its pipes are ours to close.
                with child:
                    child.kill()
                raise
        return child

    def _end_group(self, child: "subprocess.Popen[bytes]", command: Command) -> None:
        for number in dict.fromkeys((command.polite, signal.SIGTERM, signal.SIGKILL)):
            _signal_group(child.pid, number)
            try:
                child.wait(command.grace)
            except subprocess.TimeoutExpired:
                continue
            break
        # Whatever it had started and left behind goes with it.
        _signal_group(child.pid, signal.SIGKILL)


class _Collector:
    """Feeds and drains a child in a thread of its own, so that the caller can watch its token."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", stdin: bytes | None, heard: Callable[[str], None] | None = None
    ) -> None:
        self.done = threading.Event()
        self._child = child
        self._stdin = stdin
        self._heard = heard
        self._output = (b"", b"")
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        try:
            heard = self._heard
            self._output = self._child.communicate(self._stdin) if heard is None else self._listen(heard)
        finally:
            self.done.set()

    def _listen(self, heard: Callable[[str], None]) -> tuple[bytes, bytes]:
        """As `communicate`, with each line passed on as it comes; this thread reads standard error."""
        child, collected = self._child, bytearray()
        assert child.stdout is not None  # noqa: S101 - it was started with pipes
        assert child.stderr is not None  # noqa: S101 - as above
        stdout = child.stdout

        def drain() -> None:
            for line in stdout:
                collected.extend(line)
                heard(line.decode(errors="replace").rstrip())

        with child:
            if child.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.write(self._stdin or b"")
                    child.stdin.close()
            other = threading.Thread(target=drain, daemon=True)
            other.start()
            errors = bytearray()
            for line in child.stderr:
                errors.extend(line)
                heard(line.decode(errors="replace").rstrip())
            other.join()
        return bytes(collected), bytes(errors)

    def finished(self) -> Finished:
        return Finished(returncode=self._child.returncode, stdout=self._output[0], stderr=self._output[1])


@contextlib.contextmanager
def _tether(command: Command) -> Iterator[tuple[int, ...]]:
    """The end of a pipe that a tethered child is given; the other one is open for as long as it is waited for."""
    if not command.tethered:
        yield ()
        return
    theirs, ours = os.pipe()
    try:
        yield (theirs,)
    finally:
        os.close(ours)
        os.close(theirs)


def _gated_input(command: Command) -> bytes | None:
    if not command.recorded:
        return command.stdin
    return b"\n" + (command.stdin or b"")


def _identity(pid: int, command: Command) -> ProcessIdentity:
    return ProcessIdentity(pid=pid, started=started_at(pid) or "", program=Path(command.argv[0]).name)


def _signal_living(pid: int, number: signal.Signals) -> None:
    """To its group if it leads one, as all that we start does; to one that a program of ours started, alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def started_at(pid: int) -> str | None:
    """When this process started, as text that no other process of this pid ever has; None when there is none.

    A zombie has ended: None.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _started_by_ps(pid)
    except ProcessLookupError:
        return None
    # The name in parentheses may hold spaces and parentheses itself; what follows the last one is plain.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else f"{fields[19]}@{boot}"


def _started_by_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ("ps", "-o", "stat=,lstart=", "-p", str(pid)), capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not shown or shown.startswith("Z") else shown.partition(" ")[2].strip()
