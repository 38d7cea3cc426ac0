"""Placement `process`: the emulator is a child of ours that listens on 127.0.0.1 and outlives the run."""

import os
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from bootstrap.emulators.daemon import Resident
from bootstrap.emulators.driver import EmulatorDriver, Launch, ProcessRecipe
from bootstrap.emulators.endpoint import proven_endpoint
from bootstrap.emulators.host_port import FIX, choose_port, is_in_use, taken
from bootstrap.emulators.http_exchange import NoAnswerError
from bootstrap.emulators.incarnation import ensure_incarnation, incarnation_of
from bootstrap.emulators.means import Means
from bootstrap.emulators.process_record import DamagedRecordError, EmulatorFolder, Record
from bootstrap.emulators.proof import Proven
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import InvalidError, Place, Problem, RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import EmulatorSpec
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command
from bootstrap.system.sockets import LOOPBACK, free_port, listeners_of
from bootstrap.system.work import Work

START_SECONDS = 60.0
_STARTS = 3
# What a program needs to run at all; credentials, profiles, proxies and Docker's address stay behind.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


class ProcessEmulator:
    """Implements `ports.Emulator`; every step may be killed and done again."""

    def __init__(
        self,
        stack_name: str,
        spec: EmulatorSpec,
        driver: EmulatorDriver,
        means: Means,
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
        self._programs = means.programs
        self._processes = means.processes
        self._clock = means.clock
        self._folder = EmulatorFolder(means.state.emulator)
        self._log = means.state.logs / "emulator.log"
        self._resident = Resident(
            driver.name.value,
            self._folder.identity_file,
            self._log,
            means.processes,
            seconds=START_SECONDS,
            home=self._folder.home,
        )

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        try:
            record, identity = self._folder.record(), self._resident.living()
        except DamagedRecordError as error:
            return EmulatorObserved(state=TargetState.BROKEN, detail=error.what, replacement=_losing((error.what,)))
        if record is None or identity is None:
            return self._observe_ended(record, cancel)
        changes = self._changes(record)
        kept = self._can_keep(record)
        try:
            proven = self._resident.prove(record.port, identity, self._drivers(record), cancel)
        except (NoAnswerError, RefusedError, StepFailedError) as error:
            broken = EmulatorObserved(state=TargetState.BROKEN, detail=error.what, changes=changes)
            if kept or self._is_starting(record):
                return broken
            reasons = (f"it does not answer: {error.what}", *map(str, changes))
            return replace(broken, changes=(), replacement=_losing(reasons))
        incarnation = incarnation_of(proven, self._spec.region, cancel)
        running = EmulatorObserved(
            state=TargetState.RUNNING, endpoint=proven_endpoint(proven, self._spec.region, incarnation)
        )
        if changes and not kept:
            return replace(running, replacement=_losing(tuple(map(str, changes))))
        return replace(running, changes=changes)

    def gather(self, work: Work) -> None:
        """See `Emulator.gather`: the program, and its port if one is declared."""
        self._obtain(work)
        port = self._spec.port
        if port not in {0, *self._own_ports()} and is_in_use(port, 0, work.cancel):
            raise RefusedError(taken(port, self._processes, work.cancel), fix=FIX)

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`.

        Raises:
            RefusedError: the driver can be neither found nor installed, or its port is in use.
            StepFailedError: it ended, or did not answer in time; shows the end of its log.
        """
        self._await_launcher(work.cancel)
        seen = self.observe(work.cancel)
        if seen.replacement is not None:
            raise ReplacementNeededError(ids.EMULATOR, seen.replacement)
        return self._brought(seen, work)

    def start(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.start`: a process that ended in order goes on with its data when it is started again."""
        self._await_launcher(work.cancel)
        seen = self.observe(work.cancel)
        if self._readable() is None and seen.replacement is not None:
            raise RefusedError(
                f"the emulator cannot be started: {seen.detail}",
                fix="start it again, empty, and seed it: bootstrap up --allow-replace emulator",
            )
        if self._folder.record() is None:
            raise RefusedError(
                f"there is no emulator to start: {seen.detail}",
                fix="start it again and seed it: bootstrap up; or remove the rest of the stack: bootstrap down",
            )
        if seen.state is TargetState.RUNNING:
            return self._incarnated(self._prove_running(work.cancel), work.cancel)
        return self._brought(seen, work)

    def _brought(self, seen: EmulatorObserved, work: Work) -> EmulatorEndpoint:
        if seen.state is TargetState.RUNNING and seen.endpoint is not None and not seen.changes:
            return self._incarnated(self._prove_running(work.cancel), work.cancel)
        if seen.state is TargetState.FOREIGN:
            raise RefusedError(seen.detail, fix=FIX)
        self._obtain(work)
        if self._resident.living() is not None:
            work.notify(f"stopping {self._driver.name}: {'; '.join(map(str, seen.changes)) or seen.detail}")
            self.stop(work.cancel)
        return self._incarnated(self._start(work), work.cancel)

    def stop(self, cancel: CancelToken) -> None:
        """End the process so that it saves what it keeps; passes if it has ended."""
        if self._spec.persist and self._recipe.saves:
            self._resident.stop_saving(cancel)
        else:
            self._resident.stop(cancel)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.replace`; it is found at the same port again."""
        self._await_launcher(work.cancel)
        self.gather(work)
        work.notify(f"stopping {self._driver.name}, with its data")
        self._resident.stop(work.cancel)
        self._folder.forget_contents()
        return self._incarnated(self._start(work), work.cancel)

    def delete(self, work: Work) -> None:
        """See `Emulator.delete`."""
        self._await_launcher(work.cancel)
        if self._resident.living() is not None:
            work.notify(f"stopping {self._driver.name}")
            self._resident.stop(work.cancel)
        self._folder.remove()

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`; ended in order, it writes down what it keeps."""
        self._await_launcher(work.cancel)
        if self._resident.living() is not None:
            work.notify(f"stopping {self._driver.name}")
            self.stop(work.cancel)
        record = self._readable()
        if record is not None and self._kept(record):
            return f"its data in {self._folder.contents}"
        self._folder.remove()
        return ""

    def _await_launcher(self, cancel: CancelToken) -> None:
        if self._readable() is not None:
            self._resident.await_launch(cancel)

    def _own_ports(self) -> Collection[int]:
        """Where the one that runs listens, or listened last."""
        record, identity = self._readable(), self._resident.living()
        if record is not None:
            return (record.port,)
        return () if identity is None else [listener.port for listener in listeners_of((identity.pid,))]

    def _readable(self) -> Record | None:
        """The last start; None: none, or nothing that can be read."""
        try:
            return self._folder.record()
        except DamagedRecordError:
            return None

    def _observe_ended(self, record: Record | None, cancel: CancelToken) -> EmulatorObserved:
        port = self._spec.port
        if port and is_in_use(port, 0 if record is None else record.port, cancel):
            return EmulatorObserved(state=TargetState.FOREIGN, detail=taken(port, self._processes, cancel))
        if record is None:
            return EmulatorObserved(state=TargetState.ABSENT, detail="not found")
        if self._kept(record):
            return EmulatorObserved(state=TargetState.STOPPED, detail="ended, its data is kept")
        changes = self._changes(record)
        if record.persist and changes and not self._can_keep(record) and self._folder.is_whole:
            # What it saved would be lost.
            stopped = EmulatorObserved(state=TargetState.STOPPED, detail="ended, its data is kept")
            return replace(stopped, replacement=_losing(tuple(map(str, changes))))
        return EmulatorObserved(state=TargetState.ABSENT, detail="ended, its data is lost")

    def _is_starting(self, record: Record) -> bool:
        """Whether it may not have answered yet: the run that started it was killed or stopped, and nothing is in it."""
        return self._clock.now().timestamp() - record.started < START_SECONDS

    def _changes(self, record: Record) -> tuple[Change, ...]:
        pairs = (
            ("driver", record.driver, self._driver.name.value),
            ("version", record.version, (record.driver == self._driver.name and self._version()) or record.version),
            ("region", record.region, self._spec.region),
            ("port", record.port, self._spec.port or record.port),
            ("persist", record.persist, self._spec.persist),
        )
        return tuple(
            Change(field=f"emulator.{name}", old=_as_written(was), new=_as_written(now))
            for name, was, now in pairs
            if was != now
        )

    def _drivers(self, record: Record) -> tuple[EmulatorDriver, ...]:
        """The declared one, and the one that runs."""
        former = next((driver for driver in all_drivers().values() if driver.name.value == record.driver), None)
        return (self._driver,) if former is None or former is self._driver else (self._driver, former)

    def _can_keep(self, record: Record) -> bool:
        """Whether the declared one can go on with the data of the one that runs: of its driver, both saving it."""
        same = record.persist and record.driver == self._driver.name
        return same and self._spec.persist and bool(self._recipe.saves)

    def _kept(self, record: Record) -> bool:
        """Whether the last process left all its data: it ended in order, or before it came to change any.

        One that was killed left objects of now beside a state of earlier, without the tags that say whose they are.
        """
        return self._can_keep(record) and self._folder.is_whole

    def _version(self) -> str | None:
        return self._programs.present(self._driver.name.value)

    def _obtain(self, work: Work) -> Path:
        """The Python that has it; installed first if it is missing."""
        if self._version() is None:
            work.notify(f"installing {self._driver.name}")
        return self._programs.path(self._driver.name.value)

    def _start(self, work: Work) -> Proven:
        """Start it; again where somebody took the port that was free a moment ago, and another one will do."""
        for _ in range(_STARTS):
            try:
                return self._start_once(work)
            except StepFailedError:
                record = self._folder.record()
                taken_away = record is not None and self._resident.living() is None and free_port(record.port) is None
                if self._spec.port or not taken_away:
                    raise
                work.notify("its port is now in use by another program")
        return self._start_once(work)

    def _start_once(self, work: Work) -> Proven:
        last = self._readable()
        if last is None or not self._kept(last):
            self._folder.forget_contents()
        self._folder.make()
        record = Record(
            driver=self._driver.name.value,
            version=self._version() or "?",
            region=self._spec.region,
            persist=self._spec.persist,
            port=choose_port(self._spec, 0 if last is None else last.port, self._processes, work.cancel),
            started=self._clock.now().timestamp(),
        )
        self._folder.remember(record)
        work.notify(f"starting {self._driver.name} {record.version} on {LOOPBACK}:{record.port}")
        identity = self._resident.start(self._command(record))
        return self._resident.answering(record.port, identity, (self._driver,), work.cancel)

    def _command(self, record: Record) -> Command:
        folder, python = self._folder.contents, self._programs.path(self._driver.name.value)
        launch = Launch(
            port=record.port, region=record.region, folder=folder, persist=record.persist, whole=self._folder.whole
        )
        return Command(
            # -P: modules are those of its environment, whatever lies in the folder it begins in.
            argv=(str(python), "-P", *self._recipe.arguments(launch)),
            env={**_clean_environment(self._folder.home, python), **self._recipe.environment(launch)},
            cwd=folder / "tmp",
        )

    def _prove_running(self, cancel: CancelToken) -> Proven:
        record, identity = self._folder.record(), self._resident.living()
        if record is None or identity is None:
            raise StepFailedError(
                f"{self._driver.name} has just ended", log=str(self._log), fix="run the command again"
            )
        return self._resident.prove(record.port, identity, (self._driver,), cancel)

    def _incarnated(self, proven: Proven, cancel: CancelToken) -> EmulatorEndpoint:
        return proven_endpoint(proven, self._spec.region, ensure_incarnation(proven, self._spec.region, cancel))


def _losing(reasons: tuple[str, ...]) -> Replacement:
    return Replacement(reasons=reasons, losses=("all AWS data in it",))


def _as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean_environment(home: Path, python: Path) -> dict[str, str]:
    # PYTHONPATH leads to packages of this Python; to an environment of the emulator's own they are strangers.
    names = (*_INHERITED, "PYTHONPATH") if str(python) == sys.executable else _INHERITED
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
