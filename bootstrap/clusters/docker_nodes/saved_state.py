"""The data of a cluster of containers as files: its datastore, and the volumes on every node."""

import abc
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from bootstrap.clusters.docker_nodes.containers import nodes_of
from bootstrap.clusters.docker_nodes.record import ClusterRecord, RecordFile
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.exec import execute
from bootstrap.docker.exec_stdin import FedProgram
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.kube.identity import Clusters
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Processes
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker.models.containers import Container  # loads slowly; only adapters that run need it

_IDENTITY = "cluster.json"
_PIECE = 1 << 20
_LOOK_SECONDS = 0.25
_NO_FOLDER = 3

_STAGE = """
set -e
rm -rf "$1"; mkdir -p -m 700 "$1"; cd "$1"; shift
for volumes; do mkdir "$volumes"; done
"""
# Renamed first: what is half removed must not be taken for what was staged.
_CLEAR = """
set -e
rm -rf "$1.removed"
if [ -d "$1" ]; then mv "$1" "$1.removed"; rm -rf "$1.removed"; fi
"""
# What is staged is copied once more while nothing runs: then no disk may turn out to be full.
_ROOM = """
needed=$(du -sk "$1" | cut -f 1) free=$(df -Pk "$1" | awk 'NR == 2 {print $4}')
[ "$free" -gt "$needed" ] || { echo "its disk has ${free}k free, and ${needed}k are needed"; exit 1; }
"""
_USED = """
for folder; do [ -d "$folder" ] && du -sk "$folder" | cut -f 1; done; true
"""

Result = TypeVar("Result")


class NodesState(abc.ABC):
    """What kind and k3d have in common of `ports.SavedPart`. All nodes at once."""

    placeable = False
    folders: ClassVar[Mapping[str, str]]
    """What is saved of a node, by name: folders that the node may lack. Those named `volumes…` become empty if they
    were lacking."""
    staged: ClassVar[str]
    """Where in a node the data lies that will be exchanged."""

    def __init__(
        self, tool: ClusterTool, state: StatePaths, docker: StackOnDocker, processes: Processes, kubernetes: str
    ) -> None:
        self._tool = tool
        self._state = state
        self._docker = docker
        self._clusters = Clusters(processes)
        self._kubernetes = kubernetes

    @abc.abstractmethod
    def hand(self, node: "Container") -> "AbstractContextManager[Container]":
        """A running container that has the folders of the node."""

    @abc.abstractmethod
    def swap(self, hand: "Container", cancel: CancelToken) -> None:
        """Exchange what is staged in one node; may be cut off at any moment and called again."""

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`."""
        return {
            "provider": self._tool.program,
            "Kubernetes version": ".".join(self._kubernetes.split(".")[:2]),
            "number of nodes": str(self._tool.machines),
        }

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`."""
        del work
        return ("what containers write outside of volumes, and emptyDir volumes",)

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`."""

        def used(node: "Container", cancel: CancelToken) -> str:
            with self.hand(node) as hand:
                return run(hand, _USED, tuple(self.folders.values()), cancel)

        outputs = self.each(used, cancel)
        return sum(int(line) << 10 for output in outputs.values() for line in output.split())

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`: an archive for each folder of each node."""

        def archived(node: "Container", cancel: CancelToken) -> None:
            with self.hand(node) as hand:
                for name, inside in self.folders.items():
                    _archive(hand, inside, _archive_file(folder, node, name), cancel)

        self.each(archived, work.cancel)
        write_whole(folder / _IDENTITY, json.dumps({"uid": self.record().uid}).encode())

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`."""

        def unpacked(node: "Container", cancel: CancelToken) -> None:
            archives = {name: _archive_file(folder, node, name) for name in self.folders}
            with self.hand(node) as hand:
                # Where there were none, there will be none.
                run(hand, _STAGE, (self.staged, *(name for name in self.folders if name.startswith("volumes"))), cancel)
                for name, archive in archives.items():
                    if archive.exists():
                        _unpack(hand, archive, f"{self.staged}/{name}", cancel)
                run(hand, _ROOM, (self.staged,), cancel)

        self.each(unpacked, work.cancel)

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`."""

        def exchanged(node: "Container", cancel: CancelToken) -> None:
            with self.hand(node) as hand:
                self.swap(hand, cancel)

        self.each(exchanged, work.cancel)
        uid, record = str(json.loads((folder / _IDENTITY).read_bytes())["uid"]), self.record()
        if uid != record.uid:
            self.moved.touch(mode=0o600)
            RecordFile(self._state).write(dataclasses.replace(record, uid=uid))

    @property
    def moved(self) -> Path:
        """Exists from when the data of another cluster has become this one's until nothing runs with its keys."""
        return self._state.cluster / "moved"

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`: nothing is left to do."""
        del folder, work
        return ()

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`."""

        def cleared(node: "Container", cancel: CancelToken) -> None:
            with self.hand(node) as hand:
                run(hand, _CLEAR, (self.staged,), cancel)

        self.each(cleared, work.cancel)

    def record(self) -> ClusterRecord:
        """The record of the cluster."""
        record = RecordFile(self._state).read()
        if record is None:
            raise RefusedError("the cluster's record is gone", fix="run: bootstrap up --adopt")
        return record

    def each(self, act: "Callable[[Container, CancelToken], Result]", cancel: CancelToken) -> dict[str, Result]:
        """`act` on every node at once; results by the node's name, the first error is raised once all have ended.

        Raises:
            RefusedError: there is no node.
        """
        with self._docker.open() as client:
            names = [str(node.name) for node in nodes_of(self._tool, client)]
        if not names:
            raise RefusedError("the cluster is gone", fix="run: bootstrap up")

        def acted(name: str) -> Result:
            with self._docker.open() as client:
                return act(client.containers.get(name), cancel)

        with ThreadPoolExecutor(max_workers=len(names), thread_name_prefix="nodes") as pool:
            running = {name: pool.submit(acted, name) for name in names}
        return {name: future.result() for name, future in running.items()}


def _archive_file(folder: Path, node: "Container", name: str) -> Path:
    return folder / f"{node.name}.{name}.tar.gz"


def run(node: "Container", script: str, arguments: Sequence[str], cancel: CancelToken) -> str:
    """What the script wrote.

    Raises:
        StepFailedError: it failed.
    """
    cancel.check()
    code, output = execute(node, ("sh", "-c", script, "sh", *arguments), cancel)
    text = output.decode(errors="replace")
    if code != 0:
        raise StepFailedError(f"a command in node {node.name} failed", evidence=text.splitlines())
    return text


def _archive(node: "Container", inside: str, file: Path, cancel: CancelToken) -> None:
    """Write a folder of the node into a file; none if the folder is not there."""
    api: Any = node.client.api  # type: ignore[union-attr]  # whoever came from an engine has one
    script = f'[ -d "$1" ] || exit {_NO_FOLDER}; GZIP=-1 tar -C "$1" -cz .'
    exec_id = api.exec_create(node.id, ["sh", "-c", script, "sh", inside])["Id"]
    errors = b""
    file.touch(mode=0o600)
    with file.open("wb") as stream:
        for output, error in api.exec_start(exec_id, stream=True, demux=True):
            cancel.check()
            stream.write(output or b"")
            errors += error or b""
    code = wait_until(lambda: api.exec_inspect(exec_id)["ExitCode"], cancel, interval=_LOOK_SECONDS)
    if code == _NO_FOLDER:
        file.unlink()
    elif code != 0:
        raise StepFailedError(f"{inside} of node {node.name} cannot be read", evidence=errors.decode().splitlines())


def _unpack(node: "Container", file: Path, folder: str, cancel: CancelToken) -> None:
    """Unpack the file into a folder of the node."""
    script = 'mkdir -p "$1" && tar -C "$1" -xz'
    with FedProgram(node, ("sh", "-c", script, "sh", folder)) as program:
        broken = ""
        with file.open("rb") as stream:
            try:
                while piece := stream.read(_PIECE):
                    program.write(piece, cancel)
            except OSError as error:  # it has ended: its own words say why
                broken = str(error)
        code, output = program.end(cancel)
    if code != 0 or broken:
        raise StepFailedError(
            f"{file.name} cannot be unpacked in node {node.name}",
            evidence=(*output.decode(errors="replace").splitlines(), *((broken,) if broken else ())),
        )
