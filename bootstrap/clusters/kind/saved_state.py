"""The data of a kind cluster as files: etcd's folder, and the volumes on every node."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bootstrap.clusters.docker_nodes.node_heartbeat import stale
from bootstrap.clusters.docker_nodes.saved_state import NodesState, run
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.model.kube import KubeContext
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker.models.containers import Container  # loads slowly; only adapters that run need it

_ETCD = "/var/lib/etcd"
_VOLUMES = ("/var/local-path-provisioner", "/tmp/hostpath_pv")  # noqa: S108 - a folder inside a node
"""Where provisioners of local volumes keep them: kind's own, and that of the controller manager."""
_LOOK_SECONDS = 0.25
_ROOT_AUTHORITIES = "/api/v1/configmaps?fieldSelector=metadata.name%3Dkube-root-ca.crt"
_AUTHORITY = "cat /etc/kubernetes/pki/ca.key >/dev/null 2>&1 && cat /etc/kubernetes/pki/ca.crt; true"

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


class KindState(NodesState):
    """Implements `ports.SavedPart` for kind.

    Images and the file systems of containers stay on the nodes. kubelet and every container are ended and started
    again, so that no informer keeps a newer world than the one restored: etcd's revisions may go back.

    A cluster that was created again, or elsewhere, takes the data too and keeps its own keys. Its controllers put its
    certificate authority into the data; what was started before they did is started once more.
    """

    folders = {"etcd": _ETCD, **{f"volumes-{number}": root for number, root in enumerate(_VOLUMES, start=1)}}  # noqa: RUF012 - never changed
    staged = "/var/lib/bootstrap-snapshot"
    """On the same file system as etcd's folder."""

    @contextmanager
    def hand(self, node: "Container") -> Iterator["Container"]:
        """See `NodesState.hand`: the node itself."""
        if node.status != "running":
            # Its engine was started again meanwhile: what is to be finished needs it.
            node.start()
        yield node

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`."""
        work.notify("stopping the cluster")
        self.each(lambda node, cancel: self._in(node, _STOP, (), cancel), work.cancel)

    def swap(self, hand: "Container", cancel: CancelToken) -> None:
        """See `NodesState.swap`."""
        run(hand, _EXCHANGE, (self.staged, _ETCD, *_VOLUMES), cancel)

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: until no pod's status is from before."""
        started = self._begun(work.cancel)
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=self.record().uid, simulated=False)
        api = self._clusters.api(kube, work.cancel)
        if self.moved.exists():
            work.notify("waiting until it has put its own certificate authority into the data")
            self._await_authority(api, work.cancel)
            self.stop(work)
            started = self._begun(work.cancel)
            self.moved.unlink()

        def settled() -> bool | None:
            try:
                pods: Sequence[Mapping[str, Any]] = (api.get("/api/v1/pods", work.cancel) or {}).get("items") or ()
            except (ApiUnreachableError, ApiRefusedError):
                return None
            old = stale(pods, started)
            if old:
                work.notify(f"waiting for {old[0]}{f' and {len(old) - 1} more' if len(old) > 1 else ''} to start again")
            return None if old else True

        work.notify("waiting for its API server")
        wait_until(settled, work.cancel, interval=_LOOK_SECONDS)

    def _begun(self, cancel: CancelToken) -> Mapping[str, datetime]:
        """When each node began to start its pods."""
        outputs = self.each(lambda node, cancel: self._in(node, _START, (), cancel), cancel)
        return {name: datetime.fromisoformat(output.split()[0]) for name, output in outputs.items()}

    def _await_authority(self, api: KubeApi, cancel: CancelToken) -> None:
        """Return when pods of every namespace are given the certificate authority of this cluster."""
        outputs = self.each(lambda node, cancel: self._in(node, _AUTHORITY, (), cancel), cancel)
        authority = next(output for output in outputs.values() if output)

        def given() -> bool | None:
            try:
                maps = (api.get(_ROOT_AUTHORITIES, cancel) or {}).get("items") or ()
            except (ApiUnreachableError, ApiRefusedError):
                return None
            texts = {str((each.get("data") or {}).get("ca.crt")).strip() for each in maps}
            return True if texts == {authority.strip()} else None

        wait_until(given, cancel, interval=_LOOK_SECONDS)

    def _in(self, node: "Container", script: str, arguments: Sequence[str], cancel: CancelToken) -> str:
        with self.hand(node) as hand:
            return run(hand, script, arguments, cancel)
