"""Provider `kwok`: the cluster of a machine without Docker."""

import contextlib
import platform
import shutil
import signal
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bootstrap.clusters.kwok import default_objects
from bootstrap.clusters.kwok.api import Api
from bootstrap.clusters.kwok.component_log import disk_note, significant_lines
from bootstrap.clusters.kwok.component_processes import Children
from bootstrap.clusters.kwok.components import FIRST, Component, egress, stages
from bootstrap.clusters.kwok.layout import (
    DamagedRecordError,
    Layout,
    Record,
    holds_data,
    read_record,
    recovered_record,
    write_record,
)
from bootstrap.clusters.kwok.observe import broken, compared, examine, is_version
from bootstrap.clusters.kwok.pki import ADMIN, CLIENTS, kubeconfig, make_pki
from bootstrap.errors import (
    DeadlineError,
    RefusedError,
    StepFailedError,
    without_successor,
)
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import ClusterSpec, StatePaths
from bootstrap.plan import ids
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken, Clock
from bootstrap.system.filelock import hold
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Processes
from bootstrap.system.sockets import first_free, holder_of, is_free
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

_ADOPT = "continue with its data: bootstrap up --adopt; or remove it: bootstrap down"
_START_SECONDS = 120.0
_ANSWER_SECONDS = 30.0
_CLOSING_SECONDS = 2.0
"""How long a server that was just killed may still seem to listen."""
_INTERVAL = 0.05
_FIRST_PORT = 20_000
_PORTS = 10_000
"""Below those that Linux gives to outgoing connections, so that ours stays free while the cluster is stopped."""
_TRIED_PORTS = 200


class KwokProvider:
    """etcd, API server, controllers, scheduler and kwok as processes that outlive us.

    Everything listens on 127.0.0.1 or a unix socket, and nothing is ever sent beyond this machine.
    """

    def __init__(  # noqa: PLR0913 - what a cluster is made with
        self,
        stack_name: str,
        spec: ClusterSpec,
        state: StatePaths,
        programs: Programs,
        processes: Processes,
        clock: Clock,
        *,
        adopt: bool = False,
    ) -> None:
        self._context = f"bootstrap-{stack_name}"
        self._spec = spec
        self._layout = Layout(state=state)
        self._programs = programs
        self._clock = clock
        self._adopt = adopt
        self._processes = processes
        self._children = Children(self._layout, processes)

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`."""
        cancel.check()
        running = self._children.running()
        try:
            record = read_record(self._layout)
        except DamagedRecordError as error:
            return self._unverified(error.what)
        if record is None:
            return self._without_record(running)
        if not running:
            kept = ClusterObserved(state=TargetState.STOPPED, detail="its processes have ended, its data is kept")
            return compared(kept, record, self._spec)
        dead = next((component for component in Component if component not in running), None)
        if dead is not None:
            words = self._children.last_words(dead)
            lame = broken(f"{dead} is not running" + (f"; its log ends with: {words[-1]}" if words else ""))
            return compared(lame, record, self._spec)
        return examine(self._layout, record, self._spec, cancel)

    def up(self, work: Work) -> KubeContext:
        """See `ClusterProvider.up`."""
        programs, version = self._find_programs()
        with self._changing():
            record = self._prepare(version, work)
            adopted = bool(self._children.running())
            try:
                return self._converge(record, programs, _limit(adopted=adopted), work)
            except (DeadlineError, StepFailedError) as error:
                # What an earlier run left may hang, or be about to end; of what is started here that is the end.
                work.cancel.check()
                if not adopted:
                    raise
                work.notify(f"{error.what}: restarting all components")
            self._children.stop(work.cancel)
            return self._converge(record, programs, _limit(adopted=False), work)

    def begin(self, work: Work) -> KubeContext:
        """See `ClusterProvider.begin`: nothing goes on after it."""
        return self.up(work)

    def settle(self, work: Work) -> None:
        """See `ClusterProvider.settle`."""
        work.cancel.check()

    def start(self, work: Work) -> KubeContext:
        """See `ClusterProvider.start`."""
        seen = self.observe(work.cancel)
        if seen.state is TargetState.UNVERIFIED:
            raise RefusedError(f"the cluster cannot be proven to be the stack's: {seen.detail}", fix=_ADOPT)
        if read_record(self._layout) is None:
            raise RefusedError(
                f"there is no cluster to start: {seen.detail or 'not found'}",
                fix="create it, empty: bootstrap up; or remove the rest of the stack: bootstrap down",
            )
        return self.up(work)

    def replace(self, work: Work) -> KubeContext:
        """See `ClusterProvider.replace`: the programs of the new one are found before the old one goes."""
        self.gather(work)
        self.clear(work)
        with without_successor(
            "the cluster is gone, and could not be created again",
            "lost: everything in it; kept: the emulator and its data",
        ):
            return self.up(work)

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        """See `ClusterProvider.gather`; it chooses its port itself."""
        del freed
        work.cancel.check()
        self._find_programs()
        if note := disk_note(self._layout.state.folder):
            raise RefusedError(note, fix="make room, then run the same command again")

    def published(self, cancel: CancelToken) -> frozenset[int]:
        """See `ClusterProvider.published`: that of its API server, which no other cluster asks for."""
        cancel.check()
        return frozenset()

    def clear(self, work: Work) -> None:
        """See `ClusterProvider.clear`: it has nothing that a later one uses."""
        self.delete(work)

    def delete(self, work: Work) -> None:
        """See `ClusterProvider.delete`."""
        if not self._layout.folder.exists():
            self._children.stop(work.cancel, polite=signal.SIGKILL)
            self._remove_files()
            return
        with self._changing():
            work.notify("stopping its processes")
            # Its data is thrown away: there is nothing to finish politely.
            self._children.stop(work.cancel, polite=signal.SIGKILL)
            self._remove_files()

    def configuration(self) -> None:
        """See `ClusterProvider.configuration`: no program is given one."""

    def check(self) -> None:
        """Return while a cluster that `up` made has all its components; cheap enough for every second of a run.

        Raises:
            StepFailedError: one has ended, and nothing that still waits can come true; with its last words.
        """
        self._children.check_all()

    def _without_record(self, running: Mapping[Component, object]) -> ClusterObserved:
        if holds_data(self._layout):
            return self._unverified(f"its record {self._layout.record} is gone")
        if running:
            return broken("its files are gone, but its processes are running")
        if self._layout.folder.exists():
            return replace(broken(f"its {self._interrupted} was interrupted"), unfinished=True)
        return ClusterObserved(state=TargetState.ABSENT)

    @property
    def _interrupted(self) -> str:
        return "removal" if self._layout.going.exists() else "creation"

    def _unverified(self, why: str) -> ClusterObserved:
        # With --adopt, `up` must be planned: it rewrites the record from the files beside it.
        return (
            broken(f"to be adopted: {why}")
            if self._adopt
            else ClusterObserved(state=TargetState.UNVERIFIED, detail=why)
        )

    def _find_programs(self) -> tuple[dict[Component, Path], str]:
        if platform.system() != "Linux":
            raise RefusedError("the embedded cluster runs on Linux only", fix="use provider kind or k3d")
        programs = {component: self._programs.path(component) for component in Component}
        version = self._programs.version(Component.API_SERVER)
        if not is_version(version, self._spec.kubernetes):
            raise RefusedError(
                f"Kubernetes {self._spec.kubernetes} is declared, the embedded control plane is {version}",
                fix=f'set cluster.kubernetes to "{_minor(version)}", or use provider kind or k3d',
            )
        return programs, version

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        folder = self._layout.folder
        try:
            private_folder(self._layout.state.folder)
            with hold(self._layout.lock, "the embedded cluster"):
                yield
        except OSError as error:
            note = disk_note(folder) or disk_note(folder.parent)
            raise StepFailedError(
                f"cannot write {error.filename or folder}: {error.strerror or error}",
                evidence=(note,) if note else (),
                fix=f"make room on the disk of {folder}, and let its owner write there",
            ) from error

    def _prepare(self, version: str, work: Work) -> Record:
        record = self._record(version)
        if record is not None and _minor(record.kubernetes) != _minor(version):
            change = Change(field="cluster.kubernetes", old=record.kubernetes, new=version)
            raise ReplacementNeededError(ids.CLUSTER, Replacement(reasons=(str(change),)))
        if record is None:
            self._children.stop(work.cancel, polite=signal.SIGKILL)
            self._empty_folder()
            record = Record(port=free_port(self._layout.folder), kubernetes=version)
        elif record.kubernetes != version:
            work.notify(f"Kubernetes {record.kubernetes} becomes {version}")
            self._children.stop(work.cancel)
            record = replace(record, kubernetes=version)
        self._write_settings(record)
        write_record(self._layout, record)
        return record

    def _record(self, version: str) -> Record | None:
        """What is remembered, or with --adopt is found beside a lost or damaged record; None: there is no data.

        Raises:
            RefusedError: there is data that nothing proves to be the stack's.
        """
        try:
            record = read_record(self._layout)
        except DamagedRecordError as error:
            why = error.what
        else:
            if record is not None or not holds_data(self._layout):
                return record
            why = f"its record {self._layout.record} is gone"
        if not self._adopt:
            raise RefusedError(f"the cluster cannot be proven to be the stack's: {why}", fix=_ADOPT)
        return recovered_record(self._layout, version)

    def _write_settings(self, record: Record) -> None:
        layout = self._layout
        private_folder(layout.temporary)
        make_pki(layout.pki, self._clock)
        write_whole(layout.folder / "egress.json", egress())
        write_whole(layout.folder / "stages.json", stages(default_objects.STORAGE_CLASS))
        for client in CLIENTS:
            if client != ADMIN:
                write_whole(layout.kubeconfig(client), kubeconfig(layout.pki, client, record.port, self._context))

    def _converge(self, record: Record, programs: Mapping[Component, Path], seconds: float, work: Work) -> KubeContext:
        if Component.API_SERVER not in self._children.running():
            _refuse_used(record.port, self._processes, work.cancel)
        self._children.forget()
        first = {component: programs[component] for component in FIRST}
        api = Api(record.port, self._layout.pki, work.cancel)
        work.notify("starting etcd and the API server")
        self._children.ensure(first, record.port)
        self._wait(api.ready, work.cancel.within(seconds, "the start of the cluster's API server"))
        work.notify("creating nodes and volumes")
        self._children.ensure(programs, record.port)
        self._wait(lambda: self._furnish(api, record), work.cancel.within(seconds, "the set-up of the cluster"))
        return self._prove(api, record)

    def _furnish(self, api: Api, record: Record) -> str:
        try:
            default_objects.create_default_objects(api, self._spec.workers, record.kubernetes)
            return default_objects.missing(api, self._spec.workers)
        except StepFailedError as error:
            # Reported at the deadline only: a server that has just begun may refuse what it accepts in a moment.
            return "; ".join((error.what, *error.evidence))

    def _wait(self, lacks: Callable[[], str], cancel: CancelToken) -> None:
        """Wait until `lacks` gives nothing more; what it gave last is reported at the deadline."""
        lack = ""

        def probe() -> bool | None:
            nonlocal lack
            self._children.check()
            lack = lacks()
            return None if lack else True

        try:
            wait_until(probe, cancel, interval=_INTERVAL)
        except DeadlineError as error:
            log = self._layout.log(Component.API_SERVER)
            raise DeadlineError(
                error.what, evidence=(lack, *significant_lines(log)), fix="run: bootstrap up", log=str(log)
            ) from error
        self._children.check()

    def _prove(self, api: Api, record: Record) -> KubeContext:
        uid = default_objects.identity(api)
        if uid is None:
            raise StepFailedError("the cluster has no namespace kube-system", fix="run: bootstrap up")
        write_record(self._layout, replace(record, uid=uid))
        target = self._layout.state.kubeconfig
        write_whole(target, kubeconfig(self._layout.pki, ADMIN, record.port, self._context))
        return KubeContext(kubeconfig=target, uid=uid, simulated=True)

    def _empty_folder(self) -> None:
        # As in `_remove_files`.
        self._layout.going.touch()
        self._layout.record.unlink(missing_ok=True)
        for entry in self._layout.folder.iterdir():
            if entry not in {self._layout.lock, self._layout.going}:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._layout.going.unlink()

    def _remove_files(self) -> None:
        # First: what is left when we are killed here must not pass for a cluster with data.
        if self._layout.folder.exists():
            self._layout.going.touch()
        self._layout.record.unlink(missing_ok=True)
        for file in (self._layout.state.kubeconfig, *self._layout.logs):
            file.unlink(missing_ok=True)
        if self._layout.folder.exists():
            shutil.rmtree(self._layout.folder)


def _limit(*, adopted: bool) -> float:
    return _ANSWER_SECONDS if adopted else _START_SECONDS


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def free_port(folder: Path) -> int:
    """A port of 127.0.0.1 for the API server of the cluster in this folder.

    Raises:
        RefusedError: all that could be are in use.
    """
    # From the folder's name, so that a recreated cluster is found at the address of the last one.
    first = _FIRST_PORT + zlib.crc32(str(folder).encode()) % _PORTS
    port = first_free(first, _TRIED_PORTS)
    if port is None:
        raise RefusedError(f"none of the ports {first} to {first + _TRIED_PORTS - 1} is free on 127.0.0.1")
    return port


def _refuse_used(port: int, processes: Processes, cancel: CancelToken) -> None:
    until = cancel.clock.monotonic() + _CLOSING_SECONDS
    while not is_free(port):
        if cancel.clock.monotonic() >= until:
            raise RefusedError(
                f"port {port}, for the cluster's API server, is in use by {holder_of(port, processes, cancel)}",
                fix="end that program, or recreate the cluster on another port: bootstrap down, then bootstrap up",
            )
        cancel.sleep(_INTERVAL)
