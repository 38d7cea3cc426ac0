"""The running components of one cluster: found, started, watched, stopped.

There is no pid file that could be stale, or not yet written when we are killed: a component carries the cluster's
folder in its environment from its first instruction on, and is found by that.
"""

import os
import shlex
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from bootstrap.clusters.kwok.component_log import disk_note, significant_lines
from bootstrap.clusters.kwok.components import SOCKETS, Component, arguments
from bootstrap.clusters.kwok.layout import Layout
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, Processes, ProcessIdentity, started_at

MARK = "BOOTSTRAP_COMPONENT"
_LOG_LIMIT = 8 << 20
_GRACE_SECONDS = 5.0
_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "2GiB"}
"""A quarter of a new API server's time went into garbage: it may keep more before it looks, up to a limit."""

Find: TypeAlias = Callable[[str], Iterable[tuple[str, ProcessIdentity]]]
"""Given a folder: the component and the process of everything that carries it."""


def marked_processes(folder: str) -> list[tuple[str, ProcessIdentity]]:
    """Every process of this machine that was started as a component of the cluster in this folder."""
    problems = []
    for process in Path("/proc").glob("[0-9]*"):
        component = _component(process, folder)
        started = started_at(int(process.name)) if component else None
        # Read again: the pid may have been given away in between.
        if component and started and _component(process, folder) == component:
            problems.append((component, ProcessIdentity(pid=int(process.name), started=started, program=component)))
    return problems


def _component(process: Path, folder: str) -> str:
    try:
        environment = (process / "environ").read_bytes()
    except OSError:  # it has ended, or belongs to another user
        return ""
    for variable in environment.split(b"\0"):
        name, _, value = os.fsdecode(variable).partition("=")
        if name == MARK:
            component, _, where = value.partition("@")
            return component if where == folder else ""
    return ""


class Children:
    """The components of the cluster that `layout` describes."""

    def __init__(self, layout: Layout, processes: Processes, find: Find = marked_processes) -> None:
        self._layout = layout
        self._processes = processes
        self._find = find
        self._watched: dict[Component, tuple[ProcessIdentity, Command]] = {}
        self._seen: dict[Component, ProcessIdentity] = {}

    def running(self) -> dict[Component, ProcessIdentity]:
        """What runs now."""
        return {Component(name): identity for name, identity in self._find(str(self._layout.folder))}

    def ensure(self, programs: Mapping[Component, Path], port: int) -> None:
        """Start those that are not running, and watch all of these from now on."""
        running = self.running()
        for component, program in programs.items():
            command = self._command(component, program, port)
            identity = running.get(component) or self._start(component, command)
            self._watched[component] = (identity, command)

    def forget(self) -> None:
        """Watch nothing any more: what was watched may have been stopped on purpose since, by a snapshot."""
        self._watched.clear()

    def check(self) -> None:
        """Return while all that is watched still runs.

        Raises:
            StepFailedError: one has ended; with its last words.
        """
        for component, (identity, command) in self._watched.items():
            if not self._processes.alive(identity):
                raise self._ended(component, f"cd {shlex.quote(str(self._layout.folder))} && {command}")

    def check_all(self) -> None:
        """Return while every component runs, whoever started it; raises as `check`."""
        # Looking through all processes of the machine costs; those that were found need no look.
        if not all(self._is_alive(component) for component in Component):
            self._seen = self.running()
        for component in Component:
            if component not in self._seen:
                raise self._ended(component)

    def _is_alive(self, component: Component) -> bool:
        identity = self._seen.get(component)
        return identity is not None and self._processes.alive(identity)

    def _ended(self, component: Component, command: str | None = None) -> StepFailedError:
        return StepFailedError(
            f"{component} of the cluster has ended",
            evidence=self.last_words(component),
            command=command,
            fix=self._fix(component),
            log=str(self._layout.log(component)),
        )

    def _fix(self, component: Component) -> str:
        if disk_note(self._layout.folder):
            return "make room on the disk, then run: bootstrap up"
        if component is Component.ETCD:
            return "run: bootstrap up; if its data is damaged, recreate the cluster: bootstrap down, then bootstrap up"
        return "run: bootstrap up"

    def last_words(self, component: Component) -> tuple[str, ...]:
        """The lines of its log that explain the most, and a full disk."""
        note = disk_note(self._layout.folder)
        return (*significant_lines(self._layout.log(component)), *((note,) if note else ()))

    def stop(self, cancel: CancelToken, *, polite: signal.Signals = signal.SIGTERM) -> None:
        """Stop all, in the order in which none misses another."""
        self._watched.clear()
        running = self.running()
        for component in reversed(Component):
            if component in running:
                self._processes.stop(running[component], cancel, polite=polite, grace=_GRACE_SECONDS)

    def _start(self, component: Component, command: Command) -> ProcessIdentity:
        if component is Component.ETCD:
            # It would take a socket that a killed one left for a running one.
            for name in SOCKETS:
                (self._layout.folder / name).unlink(missing_ok=True)
        log = self._layout.log(component)
        private_folder(log.parent)
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        return self._processes.spawn(command, log)

    def _command(self, component: Component, program: Path, port: int) -> Command:
        # Nothing of the user's environment: a proxy, say, would be asked for 127.0.0.1 too.
        own = str(self._layout.temporary)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": own,
            "TMPDIR": own,
            MARK: f"{component}@{self._layout.folder}",
            **_COLLECTION,
        }
        return Command(argv=(str(program), *arguments(component, port)), env=environment, cwd=self._layout.folder)
