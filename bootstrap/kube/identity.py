"""Opens the API of a cluster and proves, before every write, that it is the cluster that was meant."""

import threading
from dataclasses import dataclass

from bootstrap.errors import RefusedError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.kubeconfig import read_server
from bootstrap.model.kube import KubeContext
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    changed: int
    """When its kubeconfig was last written, in ns."""
    api: KubeApi


class Clusters:
    """One API client per kubeconfig; recreated when the file changes."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()

    def api(self, kube: KubeContext, cancel: CancelToken) -> KubeApi:
        """The client of this cluster; its identity is not looked at.

        Raises:
            RefusedError: the kubeconfig is missing or cannot be used.
        """
        try:
            changed = kube.kubeconfig.stat().st_mtime_ns
        except FileNotFoundError as error:
            raise RefusedError(f"there is no kubeconfig {kube.kubeconfig}", fix="run: bootstrap up") from error
        with self._lock:
            connection = self._open.get(str(kube.kubeconfig))
            if connection is None or connection.changed != changed:
                server = read_server(kube.kubeconfig, self._processes, cancel)
                connection = _Open(changed=changed, api=KubeApi(server, kube.kubeconfig))
                self._open[str(kube.kubeconfig)] = connection
            return connection.api

    def proven(self, kube: KubeContext, cancel: CancelToken) -> KubeApi:
        """The client of this cluster, which is the one that was meant.

        Raises:
            RefusedError: another cluster answers; nothing was written.
        """
        api = self.api(kube, cancel)
        uid = cluster_uid(api, cancel)
        if uid != kube.uid:
            raise RefusedError(
                f"another cluster answers at {kube.kubeconfig}: its kube-system has uid {uid}, not {kube.uid}",
                fix="bring the stack's own cluster back: bootstrap repair; or delete the stack: bootstrap down",
            )
        return api


def cluster_uid(api: KubeApi, cancel: CancelToken) -> str:
    """The UID of the kube-system namespace: what a cluster is known by; empty while there is none."""
    namespace = api.get("/api/v1/namespaces/kube-system", cancel)
    return "" if namespace is None else str(namespace["metadata"]["uid"])
