"""Placement `process`: the emulator is a child of ours that listens on 127.0.0.1 and outlives the run."""

import importlib.metadata
import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

from bootstrap.clock import CancelToken, Clock
from bootstrap.emulators.address import Address
from bootstrap.emulators.driver import EmulatorDriver, Launch, ProcessRecipe
from bootstrap.emulators.endpoint import proven_endpoint
from bootstrap.emulators.incarnation import ensure_incarnation, incarnation_of
from bootstrap.emulators.proof import Proven, prove_address
from bootstrap.emulators.record import EmulatorFolder, Record
from bootstrap.emulators.sockets import LOOPBACK, free_port, holder_of, listeners_of
from bootstrap.emulators.wire import NoAnswerError
from bootstrap.engine.files import private_folder
from bootstrap.errors import BootstrapError, DeadlineError, InvalidError, Place, Problem, RefusedError, StepFailedError
from bootstrap.model.event import Say
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.stack import EmulatorSpec, StatePaths
from bootstrap.process import Command, Processes, ProcessIdentity

DEFAULT_PORT = 4566
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LAUNCH_SECONDS = 3.0
RELEASE_SECONDS = 2.0
_POLL_SECONDS = 0.05
# What a program needs to run at all; credentials, profiles, proxies and Docker's address stay behind.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


class ProcessEmulator:
    """Implements `engine.ports.Emulator`; every step may be killed and done again."""

    def __init__(
        self,
        stack_name: str,
        spec: EmulatorSpec,
        state: StatePaths,
        driver: EmulatorDriver,
        processes: Processes,
        clock: Clock,
    ) -> None:
        if driver.process is None:
            raise InvalidError(
                (
                    Problem(
                        place=Place(file=stack_name, path="emulator"), text=f"{driver.name} cannot run as a process"
                    ),
                ),
                fix="set emulator.placement to container, or emulator.driver to ministack",
            )
        self._spec = spec
        self._driver = driver
        self._recipe: ProcessRecipe = driver.process
        self._processes = processes
        self._clock = clock
        self._folder = EmulatorFolder(state.emulator)
        self._log = state.logs / "emulator.log"

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        record, identity = self._folder.record(), self._living()
        if record is None or identity is None:
            return self._observe_ended(record, cancel)
        if differs := self._differs(record):
            return EmulatorObserved(state=TargetState.OUTDATED, detail=differs)
        try:
            proven = self._prove(record.port, identity, cancel)
        except (NoAnswerError, RefusedError, StepFailedError) as error:
            return EmulatorObserved(state=TargetState.BROKEN, detail=error.what)
        incarnation = incarnation_of(proven, self._spec.region, cancel)
        return EmulatorObserved(
            state=TargetState.RUNNING, endpoint=proven_endpoint(proven, self._spec.region, incarnation)
        )

    def up(self, cancel: CancelToken, say: Say) -> EmulatorEndpoint:
        """See `Emulator.up`.

        Raises:
            RefusedError: the driver is not installed, or its port is taken.
            StepFailedError: it ended, or did not answer in time; shows the end of its log.
        """
        self._await_launcher(cancel)
        seen = self.observe(cancel)
        if seen.state is TargetState.RUNNING and seen.endpoint is not None:
            return self._incarnated(self._prove_running(cancel), cancel)
        if seen.state is TargetState.FOREIGN:
            raise RefusedError(seen.detail, fix="end that program, or set emulator.port to another (0: any)")
        self._check_installed()
        if self._living() is not None:
            say(f"stopping {self._driver.name}: {seen.detail}")
            self.stop(cancel)
        return self._incarnated(self._start(cancel, say), cancel)

    def stop(self, cancel: CancelToken) -> None:
        """End the process so that it saves what it keeps; fine when it has ended."""
        if identity := self._living():
            self._processes.stop(identity, cancel, polite=signal.SIGTERM, grace=STOP_SECONDS)

    def delete(self, cancel: CancelToken, say: Say) -> None:
        """See `Emulator.delete`."""
        self._await_launcher(cancel)
        if self._living() is not None:
            say(f"stopping {self._driver.name}")
            self.stop(cancel)
        self._folder.remove()

    def delete_keeping(self, cancel: CancelToken, say: Say) -> str:
        """See `Emulator.delete_keeping`; ended in order, it writes down what it keeps."""
        self._await_launcher(cancel)
        if self._living() is not None:
            say(f"stopping {self._driver.name}")
            self.stop(cancel)
        record = self._folder.record()
        if record is not None and self._kept(record):
            return f"its data in {self._folder.contents}"
        self._folder.remove()
        return ""

    def _await_launcher(self, cancel: CancelToken) -> None:
        """Let a child that a killed or cancelled run has just started write down who it is."""
        if self._folder.record() is None:
            return
        token = cancel.within(LAUNCH_SECONDS, "the start of an earlier run")
        while self._folder.identity() is None and token.remaining():
            self._clock.wait(threading.Event(), _POLL_SECONDS)
            cancel.check()

    def _living(self) -> ProcessIdentity | None:
        identity = self._folder.identity()
        return identity if identity is not None and self._processes.alive(identity) else None

    def _observe_ended(self, record: Record | None, cancel: CancelToken) -> EmulatorObserved:
        if self._spec.port and self._is_taken(self._spec.port, record):
            holder = holder_of(self._spec.port, self._processes, cancel)
            return EmulatorObserved(
                state=TargetState.FOREIGN, detail=f"port {self._spec.port} of 127.0.0.1 is taken by {holder}"
            )
        if record is None:
            return EmulatorObserved(state=TargetState.ABSENT, detail="not found")
        kept = self._kept(record)
        return EmulatorObserved(
            state=TargetState.STOPPED if kept else TargetState.ABSENT,
            detail="ended, its data is kept" if kept else "ended, its data is lost",
        )

    def _is_taken(self, port: int, record: Record | None) -> bool:
        # The threads of a killed process hold its port for a moment after it counts as ended.
        patience = RELEASE_SECONDS if record is not None and record.port == port else 0.0
        until = self._clock.monotonic() + patience
        while free_port(port) is None:
            if self._clock.monotonic() >= until:
                return True
            self._clock.wait(threading.Event(), _POLL_SECONDS)
        return False

    def _differs(self, record: Record) -> str:
        pairs = (
            ("driver", record.driver, self._driver.name.value),
            ("version", record.version, self._version() or record.version),
            ("region", record.region, self._spec.region),
            ("port", record.port, self._spec.port or record.port),
            ("persist", record.persist, self._spec.persist),
        )
        return ", ".join(f"{name} is {was}, declared {now}" for name, was, now in pairs if was != now)

    def _kept(self, record: Record) -> bool:
        """Whether the last process ended in order and left all its data.

        One that was killed left objects of now beside a state of earlier, without the tags that say whose they are.
        """
        same = record.persist and record.driver == self._driver.name
        saved = self._recipe.saved(self._folder.contents)
        return same and self._spec.persist and any(file.stat().st_mtime >= record.started for file in saved)

    def _version(self) -> str | None:
        try:
            return importlib.metadata.version(self._recipe.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    def _check_installed(self) -> None:
        missing = [name for name in self._recipe.modules if importlib.util.find_spec(name) is None]
        if missing:
            raise RefusedError(
                f"emulator {self._driver.name} is not installed: {sys.executable} has no module {', '.join(missing)}",
                fix=f"run: {self._recipe.install}",
            )

    def _start(self, cancel: CancelToken, say: Say) -> Proven:
        last = self._folder.record()
        if last is None or not self._kept(last):
            self._folder.forget_contents()
        self._folder.make()
        record = Record(
            driver=self._driver.name.value,
            version=self._version() or "?",
            region=self._spec.region,
            persist=self._spec.persist,
            port=self._choose_port(last, cancel),
            started=self._clock.now().timestamp(),
        )
        self._folder.remember(record)
        private_folder(self._log.parent)
        begins = self._log.stat().st_size if self._log.exists() else 0
        say(f"starting {self._driver.name} {record.version} on {LOOPBACK}:{record.port}")
        identity = self._processes.spawn(self._command(record), self._log)
        return self._answering(identity, record.port, begins, cancel)

    def _choose_port(self, last: Record | None, cancel: CancelToken) -> int:
        remembered = () if last is None else (last.port,)
        wanted = (self._spec.port,) if self._spec.port else (*remembered, DEFAULT_PORT, 0)
        for port in wanted:
            if not self._is_taken(port, last) and (free := free_port(port)) is not None:
                return free
        holder = holder_of(wanted[0], self._processes, cancel)
        raise RefusedError(
            f"port {wanted[0]} of 127.0.0.1 is taken by {holder}",
            fix="end that program, or set emulator.port to another (0: any)",
        )

    def _command(self, record: Record) -> Command:
        folder = self._folder.contents
        launch = Launch(port=record.port, region=record.region, folder=folder, persist=record.persist)
        launcher = (sys.executable, "-m", "bootstrap.emulators.launch", str(self._folder.identity_file))
        return Command(
            argv=(*launcher, sys.executable, *self._recipe.arguments(launch)),
            env={**_clean_environment(folder / "tmp"), **self._recipe.environment(launch)},
            cwd=folder / "tmp",
        )

    def _answering(self, identity: ProcessIdentity, port: int, begins: int, cancel: CancelToken) -> Proven:
        token = cancel.within(START_SECONDS, f"{self._driver.name} answering on {LOOPBACK}:{port}")
        reason: BootstrapError | None = None
        try:
            while self._processes.alive(identity):
                try:
                    return self._prove(port, identity, token)
                except (NoAnswerError, RefusedError) as error:
                    reason = error
                token.sleep(_POLL_SECONDS)
        except DeadlineError as late:
            cancel.check()
            self.stop(cancel)
            told = () if reason is None else (reason.what,)
            raise StepFailedError(
                late.what, evidence=(*told, *self._last_lines(begins)), log=str(self._log), fix="read the log"
            ) from late
        except StepFailedError:
            self.stop(cancel)
            raise
        raise StepFailedError(
            f"{self._driver.name} ended while it was starting",
            evidence=self._last_lines(begins),
            log=str(self._log),
            fix="the last lines of its log say why",
        )

    def _last_lines(self, begins: int) -> tuple[str, ...]:
        if not self._log.exists():
            return ()
        with self._log.open("rb") as stream:
            stream.seek(begins)
            text = stream.read().decode(errors="replace")
        return tuple(line for line in text.splitlines() if line.strip())[-5:]

    def _prove(self, port: int, identity: ProcessIdentity, cancel: CancelToken) -> Proven:
        """Prove what answers on the port, and that it is this very process.

        Raises:
            NoAnswerError: not yet, or no more.
            RefusedError: something else answers.
            StepFailedError: the process also listens beyond this machine.
        """
        proven = prove_address(Address(host=LOOPBACK, port=port), (self._driver,), cancel)
        if not Path("/proc/net/tcp").exists():
            return proven
        listeners = listeners_of((identity.pid,))
        if port not in {listener.port for listener in listeners}:
            holder = holder_of(port, self._processes, cancel)
            raise RefusedError(f"port {port} of 127.0.0.1 is answered by {holder}, not by the emulator of this stack")
        beyond = [f"{found.address}:{found.port}" for found in listeners if found.address not in {LOOPBACK, "::1"}]
        if beyond:
            raise StepFailedError(
                f"{self._driver.name} listens on {', '.join(beyond)}, which others can reach",
                fix="report this: every socket has to be on 127.0.0.1",
            )
        return proven

    def _prove_running(self, cancel: CancelToken) -> Proven:
        record, identity = self._folder.record(), self._living()
        if record is None or identity is None:
            raise StepFailedError(f"{self._driver.name} has just ended", log=str(self._log), fix="run it again")
        return self._prove(record.port, identity, cancel)

    def _incarnated(self, proven: Proven, cancel: CancelToken) -> EmulatorEndpoint:
        return proven_endpoint(proven, self._spec.region, ensure_incarnation(proven, self._spec.region, cancel))


def _clean_environment(home: Path) -> dict[str, str]:
    package_root = str(Path(__file__).parents[2])
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
