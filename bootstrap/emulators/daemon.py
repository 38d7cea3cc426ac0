"""Programs of ours that outlive the run: each writes down who it is before it begins, so that later runs know it."""

import json
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from bootstrap.emulators.address import Address
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.http_exchange import NoAnswerError
from bootstrap.emulators.proof import Proven, prove_address
from bootstrap.errors import BootstrapError, DeadlineError, RefusedError, StepFailedError
from bootstrap.state.orphans import leader_at_home
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, Processes, ProcessIdentity
from bootstrap.system.sockets import LOOPBACK, holder_of, listeners_of

PACKAGE_ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30.0
SAVE_SECONDS = 120.0
"""For one that saves what it keeps when it ends: killed before that, it loses everything."""
LAUNCH_SECONDS = 3.0
_POLL_SECONDS = 0.05
# A user's project may have a package `bootstrap` of its own, first in PYTHONPATH.
_RUN = """
import importlib, sys
sys.path.insert(0, {root!r})
importlib.import_module("bootstrap")
sys.path.pop(0)
importlib.import_module({module!r}).main()
"""
_LOG_LINES = 200
"""Of its log, as evidence: what is wrong stands near its end."""


class Resident:
    """One such program, which listens on a port of 127.0.0.1."""

    def __init__(
        self,
        name: str,
        identity_file: Path,
        log: Path,
        processes: Processes,
        *,
        seconds: float,
        home: Path | None = None,
    ) -> None:
        """`home`: its HOME, by which it is found if the file that names it is lost or damaged."""
        self.name = name
        self._identity_file = identity_file
        self._log = log
        self._processes = processes
        self._seconds = seconds
        self._begins = 0
        self._home = home

    def living(self) -> ProcessIdentity | None:
        """The process of the last start, while it runs."""
        identity = read_identity(self._identity_file)
        if identity is None and self._home is not None:
            identity = leader_at_home(self._home)
        return identity if identity is not None and self._processes.alive(identity) else None

    def await_launch(self, cancel: CancelToken) -> None:
        """Let a child that a killed or cancelled run has just started write down who it is."""
        token = cancel.within(LAUNCH_SECONDS, "the start of an earlier run")
        while not self._identity_file.exists() and token.remaining():
            cancel.clock.wait(threading.Event(), _POLL_SECONDS)
            cancel.check()

    def start(self, command: Command) -> ProcessIdentity:
        """Begin the program; its output goes to the log."""
        private_folder(self._log.parent)
        self._begins = self._log.stat().st_size if self._log.exists() else 0
        launcher = (*module_command("bootstrap.emulators.launch"), str(self._identity_file))
        launched = Command(argv=(*launcher, *command.argv), env=command.env, cwd=command.cwd)
        return self._processes.spawn(launched, self._log)

    def stop(self, cancel: CancelToken) -> None:
        """End it in order; passes if it has ended."""
        if identity := self.living():
            self._processes.stop(identity, cancel, polite=signal.SIGTERM, grace=STOP_SECONDS)

    def stop_saving(self, cancel: CancelToken) -> None:
        """End it in order, with time to save what it keeps; passes if it has ended.

        A cancel does not shorten it: the data would be lost.
        """
        cancel.check()
        if identity := self.living():
            uncut = CancelToken(cancel.clock)
            self._processes.stop(identity, uncut, polite=signal.SIGTERM, grace=SAVE_SECONDS)

    def prove(
        self, port: int, identity: ProcessIdentity, drivers: Iterable[EmulatorDriver], cancel: CancelToken
    ) -> Proven:
        """Prove what answers on the port, and that it is this very process.

        Raises:
            NoAnswerError: not yet, or no more.
            RefusedError: something else answers.
            StepFailedError: the process also listens beyond this machine.
        """
        proven = prove_address(Address(host=LOOPBACK, port=port), drivers, cancel)
        if not Path("/proc/net/tcp").exists():
            return proven
        listeners = listeners_of((identity.pid,))
        if port not in {listener.port for listener in listeners}:
            holder = holder_of(port, self._processes, cancel)
            raise RefusedError(f"port {port} of 127.0.0.1 is answered by {holder}, not by the emulator of this stack")
        beyond = [
            f"{listener.address}:{listener.port}" for listener in listeners if listener.address not in {LOOPBACK, "::1"}
        ]
        if beyond:
            raise StepFailedError(
                f"{self.name} listens on {', '.join(beyond)}, which is reachable from outside",
                fix="report this as a bug: every socket must be on 127.0.0.1",
            )
        return proven

    def answering(
        self, port: int, identity: ProcessIdentity, drivers: Sequence[EmulatorDriver], cancel: CancelToken
    ) -> Proven:
        """Wait until it is proven; one that is not in time is stopped.

        Raises:
            StepFailedError: it ended, or did not answer in time; shows the end of its log.
            CancelledError, DeadlineError: as the token says; then it is left running, for the next run to find.
        """
        token = cancel.within(self._seconds, f"{self.name} answering on {LOOPBACK}:{port}")
        reason: BootstrapError | None = None
        try:
            while self._processes.alive(identity):
                try:
                    return self.prove(port, identity, drivers, token)
                except (NoAnswerError, RefusedError) as error:
                    reason = error
                token.sleep(_POLL_SECONDS)
        except DeadlineError as late:
            cancel.check()
            self.stop(cancel)
            evidence = () if reason is None else (reason.what,)
            raise StepFailedError(
                late.what, evidence=(*evidence, *self.last_lines()), log=str(self._log), fix="read the log"
            ) from late
        except StepFailedError:
            self.stop(cancel)
            raise
        raise StepFailedError(
            f"{self.name} ended while it was starting",
            evidence=self.last_lines(),
            log=str(self._log),
            fix="the last lines of its log show why",
        )

    def last_lines(self) -> tuple[str, ...]:
        """The end of what it said since this run started it, or else of all that it ever said."""
        if not self._log.exists():
            return ()
        with self._log.open("rb") as stream:
            stream.seek(self._begins)
            text = stream.read().decode(errors="replace")
        return tuple(line for line in text.splitlines() if line.strip())[-_LOG_LINES:]


def read_identity(file: Path) -> ProcessIdentity | None:
    """Who was written down in this file; None: nobody, or the file is damaged."""
    try:
        return ProcessIdentity(**json.loads(file.read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def end_recorded(file: Path, processes: Processes, cancel: CancelToken) -> None:
    """End the process that is recorded in this file; passes if it has ended, or there is none."""
    identity = read_identity(file)
    if identity is not None and processes.alive(identity):
        processes.stop(identity, cancel, polite=signal.SIGTERM, grace=STOP_SECONDS)
    file.unlink(missing_ok=True)


def module_command(module: str) -> tuple[str, ...]:
    """The argument list that runs `main` of a module of ours, whatever folder and PYTHONPATH it begins with."""
    return (sys.executable, "-P", "-c", _RUN.format(root=str(PACKAGE_ROOT), module=module))
