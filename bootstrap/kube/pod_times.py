"""Reads when the pods of some objects were scheduled, pulled, started and ready."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.kube.causes.surroundings import Surroundings, condition_of, message_of, moment
from bootstrap.kube.identity import Clusters
from bootstrap.kube.simulated_pods import has_pods
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef, mapping_in, mappings_in
from bootstrap.model.pod_times import PodTimes
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

_MOST = 200
"""Pods of one step that are recorded, the slowest first."""
_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"})
_PULLED_IN = re.compile(r'image "([^"]+)" in (\S+?)(?: \(| *$)')
_PRESENT = re.compile(r'image "([^"]+)" already present')
_NEVER = datetime.max.replace(tzinfo=UTC)


class KubePodTimes:
    """The times of pods in one cluster."""

    def __init__(self, processes: Processes) -> None:
        self._clusters = Clusters(processes)

    def __call__(
        self, objects: Iterable[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Sequence[PodTimes]:
        """The pods that these objects have made; an object without a namespace is looked for in `namespace`.

        Empty where pods are simulated: their times mean nothing.
        """
        asked: dict[str, set[tuple[str, str]]] = {}
        for ref in objects:
            if has_pods(ref) and ref.kind in _KINDS:
                asked.setdefault(ref.namespace or namespace, set()).add((ref.kind, ref.name))
        if kube.simulated or not asked:
            return ()
        api = self._clusters.api(kube, cancel)
        times = [each for space, names in asked.items() for each in _in_namespace(space, names, api, cancel)]
        return sorted(times, key=lambda each: each.ready or _NEVER, reverse=True)[:_MOST]


def _in_namespace(namespace: str, names: set[tuple[str, str]], api: KubeApi, cancel: CancelToken) -> Iterable[PodTimes]:
    space = quote(namespace)
    pods = _list(f"/api/v1/namespaces/{space}/pods", api, cancel)
    sets = _list(f"/apis/apps/v1/namespaces/{space}/replicasets", api, cancel) if _any_deployment(names) else ()
    owners = {_name(each): _owners(each) for each in sets}
    own = [pod for pod in pods if ("Pod", _name(pod)) in names or _made_by(pod, owners) & names]
    if not own:
        return ()
    around = Surroundings(events=_list(f"/api/v1/namespaces/{space}/events", api, cancel))
    return [times_of(pod, around.events_of(pod)) for pod in own]


def times_of(pod: Manifest, events: Sequence[Manifest]) -> PodTimes:
    """The times of one pod, from its conditions, its containers and the events about it."""
    statuses = mappings_in(pod, "status", "containerStatuses")
    begun = [_began(status) for status in statuses]
    started = [moment_ for moment_ in begun if moment_ is not None]
    pulled = [event for event in events if event.get("reason") == "Pulled"]
    on_node = [moment_ for event in pulled if (moment_ := _first(event)) is not None]
    return PodTimes(
        namespace=str(mapping_in(pod, "metadata").get("namespace") or ""),
        name=_name(pod),
        node=str(mapping_in(pod, "spec").get("nodeName") or ""),
        created=moment(mapping_in(pod, "metadata").get("creationTimestamp")),
        scheduled=_since(pod, "PodScheduled"),
        pulled=max(on_node, default=None),
        started=max(started) if started and len(started) == len(begun) else None,
        ready=_since(pod, "Ready"),
        restarts=sum(int(status.get("restartCount") or 0) for status in statuses),
        pulls=dict(pair for event in reversed(pulled) if (pair := _pull(message_of(event))) is not None),
    )


def _pull(message: str) -> tuple[str, str] | None:
    if match := _PULLED_IN.search(message):
        return match[1], match[2]
    match = _PRESENT.search(message)
    return None if match is None else (match[1], "already present")


def _began(status: Mapping[str, object]) -> datetime | None:
    for state in ("running", "terminated"):
        if (begun := moment(mapping_in(status, "state", state).get("startedAt"))) is not None:
            return begun
    return None


def _first(event: Manifest) -> datetime | None:
    return moment(event.get("firstTimestamp") or event.get("eventTime"))


def _since(pod: Manifest, kind: str) -> datetime | None:
    condition = condition_of(pod, kind)
    return moment(condition.get("lastTransitionTime")) if condition.get("status") == "True" else None


def _any_deployment(names: Iterable[tuple[str, str]]) -> bool:
    return any(kind == "Deployment" for kind, _ in names)


def _made_by(pod: Manifest, replica_sets: Mapping[str, set[tuple[str, str]]]) -> set[tuple[str, str]]:
    direct = _owners(pod)
    return direct.union(*(replica_sets.get(name, set()) for kind, name in direct if kind == "ReplicaSet"))


def _owners(manifest: Manifest) -> set[tuple[str, str]]:
    references = mappings_in(manifest, "metadata", "ownerReferences")
    return {(str(owner.get("kind")), str(owner.get("name"))) for owner in references}


def _name(manifest: Manifest) -> str:
    return str(mapping_in(manifest, "metadata").get("name") or "")


def _list(path: str, api: KubeApi, cancel: CancelToken) -> tuple[Manifest, ...]:
    """Empty if the API server does not let us see them."""
    try:
        listed = api.get(path, cancel)
    except ApiRefusedError:
        return ()
    return tuple((listed or {}).get("items") or ())
