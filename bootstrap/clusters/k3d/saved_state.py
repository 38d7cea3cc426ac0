"""The data of a k3d cluster as files: the datastore of k3s, and the volumes on every node."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bootstrap.clusters.docker_nodes.containers import cluster_containers
from bootstrap.clusters.docker_nodes.record import RecordFile
from bootstrap.clusters.docker_nodes.saved_state import NodesState, run
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker.models.containers import Container  # loads slowly; only adapters that run need it

_STOP_SECONDS = 10
_DATASTORES = {"datastore-k3s": "/var/lib/rancher/k3s/server/db", "datastore-etcd": "/var/lib/etcd"}
"""Of k3s, sqlite or etcd; and of a server that is not k3s."""
_VOLUMES = {"volumes": "/var/lib/rancher/k3s/storage"}
# The folders stay: they may be where a volume of the engine begins. What is staged stays until it is cleared.
_EXCHANGE = """
set -e
staged=$1; shift
while [ $# -gt 1 ]; do
  from="$staged/$1" to=$2; shift 2
  [ -d "$from" ] || continue
  [ -d "$to" ] || [ -n "$(ls -A "$from")" ] || continue
  mkdir -p "$to"
  for entry in "$to"/* "$to"/.[!.]*; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then rm -rf "$entry"; fi
  done
  cp -a "$from/." "$to/"
done
sync
"""
_WAITING = ["-c", "trap 'exit 0' TERM; sleep 86400 & wait"]


class K3dState(NodesState):
    """Implements `ports.SavedPart` for k3d.

    A node is k3s itself: the container ends with it. Its folders are volumes of the engine, which another container of
    the same image reads and writes meanwhile. Every container of the cluster starts again, so that no informer keeps a
    newer world than the one restored. The datastore of k3s can be read with the token of its own cluster alone.
    """

    folders = {**_DATASTORES, **_VOLUMES}  # noqa: RUF012 - never changed
    staged = "/var/lib/kubelet/bootstrap-snapshot"
    """In a volume of the engine, and in no folder that k3s reads."""

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`."""
        record = RecordFile(self._state).read()
        return {**super().facts(), "cluster": "none" if record is None else record.uid}

    @contextmanager
    def hand(self, node: "Container") -> Iterator["Container"]:
        """See `NodesState.hand`: a container with the volumes of the node, for as long as it is needed."""
        from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

        client = node.client
        name = f"{node.name}-snapshot"
        assert client is not None  # noqa: S101 - whoever came from an engine has one
        with suppress(NotFound):
            # Of a run that was killed.
            client.containers.get(name).remove(force=True)
        hand = client.containers.run(
            node.attrs["Image"],
            _WAITING,
            name=name,
            entrypoint="sh",
            user="0",
            network_mode="none",
            volumes_from=[str(node.id)],
            labels=self._docker.labels(),
            detach=True,
        )
        try:
            yield hand
        finally:
            hand.remove(force=True)

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`."""
        work.notify("stopping the cluster")
        with self._docker.open() as client:
            for container in cluster_containers(self._tool, client):
                work.cancel.check()
                if container.status == "paused":
                    container.unpause()
                container.stop(timeout=_STOP_SECONDS)

    def swap(self, hand: "Container", cancel: CancelToken) -> None:
        """See `NodesState.swap`."""
        pairs = (part for pair in self.folders.items() for part in pair)
        run(hand, _EXCHANGE, (self.staged, *pairs), cancel)

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: the port starts the containers."""
