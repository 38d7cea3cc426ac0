"""What a running cluster says of itself, held against what was declared and remembered."""

from bootstrap.clusters.kwok import default_objects
from bootstrap.clusters.kwok.api import Api
from bootstrap.clusters.kwok.layout import Layout, Record
from bootstrap.errors import StepFailedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.stack import ClusterSpec
from bootstrap.system.clock import CancelToken


def broken(detail: str) -> ClusterObserved:
    """Something is there that `up` has to repair."""
    return ClusterObserved(state=TargetState.BROKEN, detail=detail)


def examine(layout: Layout, record: Record, spec: ClusterSpec, cancel: CancelToken) -> ClusterObserved:
    """Ask a cluster all of whose components run; the identity of one that is OUTDATED is proven too."""
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
    differs = _differs(record, spec, set(default_objects.machines(api)))
    if differs:
        return ClusterObserved(state=TargetState.OUTDATED, detail=differs, kube=kube)
    reason = default_objects.missing(api, spec.workers)
    return broken(reason) if reason else ClusterObserved(state=TargetState.RUNNING, kube=kube)


def _unlike(uid: str | None, layout: Layout, record: Record) -> str:
    if record.uid is None:
        return "its creation was interrupted"
    if uid != record.uid:
        return f"its data was lost: the UID of kube-system is {uid}, was {record.uid}"
    if not layout.state.kubeconfig.exists():
        return f"{layout.state.kubeconfig} is gone"
    return ""


def _differs(record: Record, spec: ClusterSpec, machines: set[str]) -> str:
    if not is_version(record.kubernetes, spec.kubernetes):
        return f"runs Kubernetes {record.kubernetes}, declared is {spec.kubernetes}"
    if machines != set(default_objects.node_names(spec.workers)):
        return f"has {max(len(machines) - 1, 0)} workers, declared are {spec.workers}"
    return ""


def is_version(version: str, wanted: str) -> bool:
    """Whether 1.34.4 is what 1.34, or 1.34.4, asks for."""
    return f"{version}.".startswith(f"{wanted.removeprefix('v')}.")
