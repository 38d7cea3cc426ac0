"""What a running cluster reports of itself, held against what was declared and remembered."""

from dataclasses import replace

from bootstrap.clusters.kwok import default_objects
from bootstrap.clusters.kwok.api import Api
from bootstrap.clusters.kwok.layout import Layout, Record
from bootstrap.errors import StepFailedError
from bootstrap.kube.kubeconfig import damage
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import Change, Replacement
from bootstrap.model.stack import ClusterSpec
from bootstrap.system.clock import CancelToken


def broken(detail: str) -> ClusterObserved:
    """Something is there that `up` has to repair."""
    return ClusterObserved(state=TargetState.BROKEN, detail=detail)


def examine(layout: Layout, record: Record, spec: ClusterSpec, cancel: CancelToken) -> ClusterObserved:
    """Ask a cluster all of whose components run; what is declared otherwise is reported beside how it is."""
    try:
        return _ask(Api(record.port, layout.pki, cancel), layout, record, spec)
    except (OSError, StepFailedError) as error:
        return broken(str(error))


def _ask(api: Api, layout: Layout, record: Record, spec: ClusterSpec) -> ClusterObserved:
    reason = api.ready()
    if reason:
        return broken(f"its API server: {reason}")
    uid = default_objects.identity(api)
    reason = _unlike(uid, layout, record)
    if reason or uid is None:
        return broken(reason)
    kube = KubeContext(kubeconfig=layout.state.kubeconfig, uid=uid, simulated=True)
    nodes = set(default_objects.machines(api))
    changes = _workers(spec, nodes)
    reason = "" if changes else default_objects.missing(api, spec.workers)
    seen = broken(reason) if reason else ClusterObserved(state=TargetState.RUNNING, kube=kube, changes=changes)
    return compared(seen, record, spec)


def _unlike(uid: str | None, layout: Layout, record: Record) -> str:
    if record.uid is None:
        return "its creation was interrupted"
    if uid != record.uid:
        return f"its data was lost: the UID of kube-system is {uid}, was {record.uid}"
    if not layout.state.kubeconfig.exists():
        return f"{layout.state.kubeconfig} is gone"
    return damage(layout.state.kubeconfig)


def compared(seen: ClusterObserved, record: Record, spec: ClusterSpec) -> ClusterObserved:
    """With the replacement that another version of Kubernetes needs: its data may not be read by it."""
    if is_version(record.kubernetes, spec.kubernetes):
        return seen
    change = Change(field="cluster.kubernetes", old=record.kubernetes, new=spec.kubernetes)
    return replace(seen, replacement=Replacement(reasons=(str(change),)))


def _workers(spec: ClusterSpec, nodes: set[str]) -> tuple[Change, ...]:
    if nodes == set(default_objects.node_names(spec.workers)):
        return ()
    return (Change(field="cluster.workers", old=str(max(len(nodes) - 1, 0)), new=str(spec.workers)),)


def is_version(version: str, constraint: str) -> bool:
    """Whether 1.34.4 is what 1.34, or 1.34.4, asks for."""
    return f"{version}.".startswith(f"{constraint.removeprefix('v')}.")
