"""The objects that a cluster comes with: its nodes, the default StorageClass and volumes to claim."""

import platform
from typing import Any

from bootstrap.clusters.kwok.api import Api
from bootstrap.model.labels import SIMULATED

STORAGE_CLASS = "standard"
_VOLUMES = 50
_NODES = "/api/v1/nodes"
_PERSISTENT_VOLUMES = "/api/v1/persistentvolumes"
_STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_FIRST = "control-plane"
_BEGUN = (
    "/api/v1/namespaces/default/serviceaccounts/default",
    "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
)
"""What the controllers make first, and no pod can be without."""


def node_names(workers: int) -> tuple[str, ...]:
    """The nodes of a cluster with this many workers."""
    return (_FIRST, *(f"worker-{number}" for number in range(1, workers + 1)))


def node_manifest(name: str, kubernetes: str, workers: int) -> dict[str, Any]:
    """One node, as a kubelet would register it."""
    labels = {
        "kubernetes.io/arch": "arm64" if platform.machine() in {"aarch64", "arm64"} else "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        SIMULATED: "true",
    }
    if name == _FIRST:
        labels[_CONTROL_PLANE] = ""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints(workers) if name == _FIRST else []},
        "status": {"nodeInfo": {"kubeletVersion": f"v{kubernetes}", "osImage": "simulated by kwok"}},
    }


def taints(workers: int) -> list[dict[str, str]]:
    """Of the control plane's node: pods stay away from it if there are others, as on a real cluster."""
    return [{"key": _CONTROL_PLANE, "effect": "NoSchedule"}] if workers else []


def storage_class_manifest() -> dict[str, Any]:
    """The default class; nothing is provisioned, claims bind to the volumes that are there."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "Immediate",
    }


def volume_names() -> tuple[str, ...]:
    """The volumes of the default class."""
    return tuple(f"simulated-{number:02}" for number in range(1, _VOLUMES + 1))


def volume_manifest(name: str) -> dict[str, Any]:
    """One volume that any claim of the default class can have; it holds nothing."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {SIMULATED: "true"}},
        "spec": {
            "capacity": {"storage": "1Ti"},
            "accessModes": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": "/simulated"},
        },
    }


def create_default_objects(api: Api, workers: int, kubernetes: str) -> None:
    """Create what is missing, and delete the nodes that are too many; pods on them are deleted."""
    _ensure_nodes(api, workers, kubernetes)
    if api.get(f"{_STORAGE_CLASSES}/{STORAGE_CLASS}") is None:
        api.create(_STORAGE_CLASSES, storage_class_manifest())
    there = _names(api.get(_PERSISTENT_VOLUMES))
    for name in volume_names():
        if name not in there:
            api.create(_PERSISTENT_VOLUMES, volume_manifest(name))


def _ensure_nodes(api: Api, workers: int, kubernetes: str) -> None:
    there = machines(api)
    for name in node_names(workers):
        if name not in there:
            api.create(_NODES, node_manifest(name, kubernetes, workers))
    for name in there.keys() - set(node_names(workers)):
        api.delete(f"{_NODES}/{name}")
    if _FIRST in there and bool(there[_FIRST]["spec"].get("taints")) != bool(workers):
        api.merge(f"{_NODES}/{_FIRST}", {"spec": {"taints": taints(workers)}})


def machines(api: Api) -> dict[str, dict[str, Any]]:
    """The nodes that we created, by name."""
    items = api.get(f"{_NODES}?labelSelector={SIMULATED}%3Dtrue")["items"]
    return {item["metadata"]["name"]: item for item in items}


def missing(api: Api, workers: int) -> str:
    """What a usable cluster still lacks; empty: nothing."""
    there = machines(api)
    for name in node_names(workers):
        if name not in there or not _is_ready(there[name]):
            return f"node {name} is not Ready"
    gone = next((path for path in _BEGUN if api.get(path) is None), None)
    return "" if gone is None else f"{gone.rpartition('/')[2]} is not in namespace default"


def identity(api: Api) -> str | None:
    """UID of the kube-system namespace; None: it is not there yet."""
    namespace = api.get("/api/v1/namespaces/kube-system")
    return None if namespace is None else str(namespace["metadata"]["uid"])


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _names(listed: dict[str, Any]) -> set[str]:
    return {item["metadata"]["name"] for item in listed["items"]}
