"""Objects as Kubernetes 1.34 shows them, for causes by values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bootstrap.kube.causes.surroundings import Surroundings
from bootstrap.model.kube import Manifest, ObjectRef, ref_of

NOW = datetime(2026, 1, 2, 3, 5, 0, tzinfo=UTC)
NAMESPACE = "shop"


def meta(name: str, *, owner: str = "", **more: Any) -> dict[str, Any]:
    """Metadata whose uid is made of the name."""
    owners = {"ownerReferences": [{"uid": f"uid-{owner}", "controller": True}]} if owner else {}
    return {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", **owners, **more}


def deployment(name: str = "web", **status: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name),
        "spec": {"replicas": 1},
        "status": status,
    }


def replica_set(name: str = "web-1", owner: str = "web", revision: int = 1, **status: Any) -> Manifest:
    marks = {"deployment.kubernetes.io/revision": str(revision)}
    return {"metadata": meta(name, owner=owner, annotations=marks), "spec": {"replicas": 1}, "status": status}


def pod(name: str = "web-1-a", owner: str = "web-1", spec: Manifest | None = None, **status: Any) -> Manifest:
    filled = {"nodeName": "n1", "containers": [{"name": "main", "image": "shop/web:1"}], **(spec or {})}
    return {"metadata": meta(name, owner=owner), "spec": filled, "status": {"phase": "Pending", **status}}


def container(
    state: Mapping[str, Any],
    *,
    name: str = "main",
    image: str = "shop/web:1",
    restarts: int = 0,
    last: Mapping[str, Any] | None = None,
    ready: bool = False,
) -> Manifest:
    return {
        "name": name,
        "image": image,
        "restartCount": restarts,
        "ready": ready,
        "state": state,
        "lastState": last or {},
    }


def waiting(reason: str, message: str = "") -> Mapping[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", **more: Any) -> Mapping[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


def running(since: str = "2026-01-02T03:04:30Z") -> Mapping[str, Any]:
    return {"running": {"startedAt": since}}


def event(
    about: str, reason: str, message: str, *, at: str = "2026-01-02T03:04:40Z", kind: str = "Warning", field: str = ""
) -> Manifest:
    involved = {"uid": f"uid-{about}", "name": about, "namespace": NAMESPACE, "fieldPath": field, "kind": "Pod"}
    return {"involvedObject": involved, "reason": reason, "message": message, "lastTimestamp": at, "type": kind}


def unscheduled(message: str, *, reason: str = "Unschedulable", spec: Manifest | None = None) -> Manifest:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pod(spec={"nodeName": "", **(spec or {})}, conditions=[condition])


def node(name: str = "n1", *conditions: Manifest, **allocatable: str) -> Manifest:
    given = conditions or ({"type": "Ready", "status": "True"},)
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "status": {"conditions": given, "allocatable": allocatable},
    }


def surroundings_of(pods: Sequence[Manifest] = (), **more: Any) -> Surroundings:
    """A Deployment that is not ready, with these pods and what else there is."""
    objects = more.pop("objects", (deployment(),))
    return Surroundings(
        objects={ref_of(item): item for item in objects},
        pods=pods,
        replica_sets=more.pop("replica_sets", (replica_set(),)),
        nodes=more.pop("nodes", (node(),)),
        now=NOW,
        **more,
    )


WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace=NAMESPACE, name="web")
