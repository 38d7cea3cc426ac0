"""The data of a cluster of containers as files: etcd's folder, and the volumes on every node."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.clusters.docker_nodes.containers import nodes_of
from bootstrap.clusters.docker_nodes.node_heartbeat import stale
from bootstrap.clusters.docker_nodes.record import RecordFile
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.exec import execute
from bootstrap.docker.exec_stdin import FedProgram
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import KubeContext
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_ETCD = "/var/lib/etcd"
_VOLUMES = ("/var/local-path-provisioner", "/tmp/hostpath_pv")  # noqa: S108 - a folder inside a node
"""Where provisioners of local volumes keep them: kind's own, and that of the controller manager."""
_FOLDERS = {"etcd": _ETCD, **{f"volumes-{number}": root for number, root in enumerate(_VOLUMES, start=1)}}
_STAGED = "/var/lib/bootstrap-snapshot"
"""On the same file system as etcd's folder; on every node while a snapshot is restored."""
_PIECE = 1 << 20
_LOOK_SECONDS = 0.25
_NO_FOLDER = 3

# Whatever runs in containers is asked to end, and killed after some seconds; nothing starts it again without kubelet.
_STOP = """
systemctl stop kubelet
signal() { ctr -n k8s.io tasks ls | awk 'NR > 1 && $3 == "RUNNING" {print $1}' |
  xargs -r -n 1 -P 16 ctr -n k8s.io tasks kill -s "$1" >/dev/null 2>&1; }
running() { ctr -n k8s.io tasks ls | awk 'NR > 1 && $3 == "RUNNING" {found = 1} END {exit !found}'; }
signal SIGTERM
for _ in $(seq 30); do running || break; sleep 0.1; done
signal SIGKILL
for _ in $(seq 100); do running || exit 0; sleep 0.1; done
echo "containers still run:"; ctr -n k8s.io tasks ls; exit 1
"""
_START = """
date -u +%Y-%m-%dT%H:%M:%SZ
systemctl start kubelet
"""
# The folder itself stays: kubelet may still have it mounted. Again from the beginning until what was staged is removed.
_EXCHANGE = """
set -e
staged=$1 etcd=$2; shift 2
if [ -d "$staged/etcd" ]; then
  if [ -d "$etcd" ] && [ -d "$staged/etcd.replaced" ]; then rm -rf "$etcd"
  elif [ -d "$etcd" ]; then mv "$etcd" "$staged/etcd.replaced"; fi
  mv "$staged/etcd" "$etcd"
fi
number=0
for root; do
  number=$((number + 1))
  from="$staged/volumes-$number"
  [ -d "$from" ] || continue
  [ -d "$root" ] || [ -n "$(ls -A "$from")" ] || continue
  mkdir -p "$root"
  for volume in "$root"/* "$root"/.[!.]*; do
    if [ -e "$volume" ] && [ ! -e "$from/${volume##*/}" ]; then rm -rf "$volume"; fi
  done
  for volume in "$from"/* "$from"/.[!.]*; do
    [ -e "$volume" ] || continue
    to="$root/${volume##*/}"
    if [ -d "$volume" ] && [ -d "$to" ]; then find "$to" -mindepth 1 -delete; cp -a "$volume/." "$to/"
    else rm -rf "$to"; cp -a "$volume" "$to"; fi
  done
done
sync -f "$etcd" 2>/dev/null || sync
"""
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
_USED = """
for folder; do [ -d "$folder" ] && du -sk "$folder" | cut -f 1; done; true
"""


class NodesState:
    """Implements `ports.SavedPart` for kind.

    Images and the file systems of containers stay on the nodes. kubelet and every container are ended and started
    again, so that no informer keeps a newer world than the one restored: etcd's revisions may go back.
    """

    def __init__(
        self, tool: ClusterTool, state: StatePaths, docker: StackOnDocker, processes: Processes, kubernetes: str
    ) -> None:
        self._tool = tool
        self._state = state
        self._docker = docker
        self._clusters = Clusters(processes)
        self._kubernetes = kubernetes

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`: another cluster has other keys and other nodes."""
        record = RecordFile(self._state).read()
        return {
            "provider": self._tool.program,
            "Kubernetes version": ".".join(self._kubernetes.split(".")[:2]),
            "cluster": "none" if record is None else record.uid,
            "nodes": "none" if record is None else ", ".join(sorted(record.nodes.values())),
        }

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`."""
        del work
        return ("what containers write outside of volumes, and emptyDir volumes",)

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`."""
        with self._docker.open() as client:
            outputs = [_run(node, _USED, (_ETCD, *_VOLUMES), cancel) for node in self._nodes(client)]
        return sum(int(line) << 10 for output in outputs for line in output.split())

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`."""
        work.say("stopping the cluster")
        with self._docker.open() as client:
            for node in self._nodes(client):
                _run(node, _STOP, (), work.cancel)

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`: an archive for each folder of each node."""
        with self._docker.open() as client:
            for node in self._nodes(client):
                for name, inside in _FOLDERS.items():
                    _archive(node, inside, folder / f"{node.name}.{name}.tar.gz", work.cancel)

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`."""
        with self._docker.open() as client:
            for node in self._nodes(client):
                # Where there were none, there will be none.
                _run(node, _STAGE, (_STAGED, *(name for name in _FOLDERS if name != "etcd")), work.cancel)
                for name in _FOLDERS:
                    archive = folder / f"{node.name}.{name}.tar.gz"
                    if archive.exists():
                        _unpack(node, archive, name, work.cancel)

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`."""
        del folder
        with self._docker.open() as client:
            for node in self._nodes(client):
                _run(node, _EXCHANGE, (_STAGED, _ETCD, *_VOLUMES), work.cancel)

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: until no pod's status is from before."""
        started: dict[str, datetime] = {}
        with self._docker.open() as client:
            for node in self._nodes(client):
                output = _run(node, _START, (), work.cancel)
                started[str(node.name)] = datetime.fromisoformat(output.split()[0])
        record = RecordFile(self._state).read()
        if record is None:
            raise RefusedError("the cluster's record is gone", fix="run: bootstrap up --adopt")
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=record.uid, simulated=False)
        api = self._clusters.api(kube, work.cancel)

        def settled() -> bool | None:
            try:
                pods: Sequence[Mapping[str, Any]] = (api.get("/api/v1/pods", work.cancel) or {}).get("items") or ()
            except (ApiUnreachableError, ApiRefusedError):
                return None
            old = stale(pods, started)
            if old:
                work.say(f"waiting for {old[0]}{f' and {len(old) - 1} more' if len(old) > 1 else ''} to start again")
            return None if old else True

        work.say("waiting for its API server")
        wait_until(settled, work.cancel, interval=_LOOK_SECONDS)

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`: nothing is left to do."""
        del folder, work
        return ()

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`."""
        with self._docker.open() as client:
            for node in self._nodes(client):
                _run(node, _CLEAR, (_STAGED,), work.cancel)

    def _nodes(self, client: "DockerClient") -> "Sequence[Container]":
        """The nodes, all of which have to run.

        Raises:
            RefusedError: one does not.
        """
        nodes = nodes_of(self._tool, client)
        stopped = [str(node.name) for node in nodes if node.status != "running"]
        if stopped or not nodes:
            raise RefusedError(f"{', '.join(stopped) or 'the cluster'} is not running", fix="run: bootstrap up")
        return nodes


def _run(node: "Container", script: str, arguments: Sequence[str], cancel: CancelToken) -> str:
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


def _unpack(node: "Container", file: Path, name: str, cancel: CancelToken) -> None:
    """Unpack the file where the node stages what will be exchanged."""
    script = 'mkdir -p "$1" && tar -C "$1" -xz'
    with FedProgram(node, ("sh", "-c", script, "sh", f"{_STAGED}/{name}")) as program:
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
