"""Reads the whole report of one object: conditions, events, logs, causes."""

from collections.abc import Iterator, Sequence

from bootstrap.kube.api import KubeApi
from bootstrap.kube.batch_read import in_namespace
from bootstrap.kube.cause_reader import LOG_LINES, CauseReader, read_log
from bootstrap.kube.causes.diagnosis import find_causes
from bootstrap.kube.causes.surroundings import Surroundings, core_ref, message_of, pod_ref, time_of
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.identity import Clusters
from bootstrap.kube.readiness import judge
from bootstrap.kube.simulated_pods import has_pods
from bootstrap.model.count import counted
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef, mapping_in, mappings_in
from bootstrap.model.object_report import LogPart, ObjectReport
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

_PODS = 3
_EVENTS = 20
_API_VERSIONS = ("v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "storage.k8s.io/v1", "policy/v1")
"""Where a kind that no file of the stack names is looked for."""


class KubeReports:
    """Reports about the objects of one cluster."""

    def __init__(self, processes: Processes, *, log_lines: int = LOG_LINES) -> None:
        """`log_lines`: of each container's log, at most."""
        self._clusters = Clusters(processes)
        self._log_lines = log_lines

    def __call__(self, ref: ObjectRef, namespace: str, kube: KubeContext, cancel: CancelToken) -> ObjectReport:
        """One object; without a namespace it is looked for in `namespace`."""
        api = self._clusters.api(kube, cancel)
        try:
            ref = in_namespace(ref, namespace, api, cancel)
        except UnknownKindError as error:
            return ObjectReport(object=ref, state=error.what, ready=False, there=False)
        live = api.read(ref, cancel)
        if live is None:
            return ObjectReport(object=ref, state="not found", ready=False, there=False)
        surroundings = CauseReader(api, simulated=kube.simulated).surroundings({ref: live}, cancel)
        judgement = judge(live)
        return ObjectReport(
            object=ref,
            state="ready" if judgement.current else judgement.reason,
            ready=judgement.current,
            simulated=kube.simulated and has_pods(ref),
            causes=() if judgement.current else find_causes(surroundings),
            conditions=tuple(_conditions(ref, live, surroundings, simulated=kube.simulated)),
            events=tuple(_events(ref, live, surroundings)),
            logs=() if kube.simulated else tuple(self._logs(ref, live, surroundings, api, cancel)),
            manifests=tuple(manifest for _, manifest in _related(ref, live, surroundings)),
        )

    def find(self, kind: str, name: str, kube: KubeContext, cancel: CancelToken) -> Sequence[ObjectRef]:
        """The objects of Kubernetes' own kinds with this name, in every namespace; `kind` as kubectl takes it."""
        api = self._clusters.api(kube, cancel)
        matching: list[ObjectRef] = []
        for version in _API_VERSIONS:
            for word, served in api.serves(version, cancel).items():
                if kind.lower() in {word.lower(), served.plural}:
                    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
                    listed = (api.get(f"{base}/{served.plural}", cancel) or {}).get("items") or ()
                    refs = (_ref(version, word, entry) for entry in listed)
                    matching.extend(ref for ref in refs if ref.name == name)
        return matching

    def _logs(
        self, ref: ObjectRef, live: Manifest, surroundings: Surroundings, api: KubeApi, cancel: CancelToken
    ) -> Iterator[LogPart]:
        for pod in surroundings.pods_of(ref, live)[:_PODS]:
            place = pod_ref(pod)
            for part in ("initContainerStatuses", "containerStatuses"):
                for status in mappings_in(pod, "status", part):
                    for previous in (True, False):
                        if previous and not status.get("restartCount"):
                            continue
                        name = str(status.get("name"))
                        lines = read_log(
                            str(place.namespace),
                            place.name,
                            name,
                            api,
                            cancel,
                            previous=previous,
                            lines=self._log_lines,
                        )
                        if lines:
                            yield LogPart(pod=place.name, container=name, previous=previous, lines=lines)


def _ref(version: str, kind: str, manifest: Manifest) -> ObjectRef:
    core = core_ref(kind, manifest)
    return ObjectRef(api_version=version, kind=kind, namespace=core.namespace, name=core.name)


def _related(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[tuple[str, Manifest]]:
    """The object and what it made, each with how it is called."""
    yield str(ref), live
    if ref.kind == "Deployment":
        for replica_set in surroundings.replica_sets_of(live):
            yield str(core_ref("ReplicaSet", replica_set)), replica_set
    if ref.kind != "Pod":
        for pod in surroundings.pods_of(ref, live)[:_PODS]:
            yield str(pod_ref(pod)), pod


def _conditions(ref: ObjectRef, live: Manifest, surroundings: Surroundings, *, simulated: bool) -> Iterator[str]:
    for name, manifest in _related(ref, live, surroundings):
        for condition in mappings_in(manifest, "status", "conditions"):
            why = ": ".join(part for part in (str(condition.get("reason") or ""), message_of(condition)) if part)
            yield f"{name}: {condition.get('type')} is {condition.get('status')}" + (f": {why}" if why else "")
        for part in ("initContainerStatuses", "containerStatuses"):
            for status in mappings_in(manifest, "status", part):
                yield f"{name}: container {status.get('name')} {_container_state(status, simulated=simulated)}"


def _container_state(status: Manifest, *, simulated: bool) -> str:
    """`is waiting: CrashLoopBackOff: …, ended before with exit code 1 (Error), 3 restarts`."""
    words = [_state(mapping_in(status, "state"), simulated=simulated)]
    before = mapping_in(status, "lastState", "terminated")
    if before:
        words.append(f"ended before with exit code {before.get('exitCode')} ({before.get('reason')})")
    if restarts := int(status.get("restartCount") or 0):
        words.append(counted(restarts, "restart"))
    return ", ".join(words)


def _state(state: Manifest, *, simulated: bool) -> str:
    if waiting := mapping_in(state, "waiting"):
        return ": ".join(filter(None, ("is waiting", str(waiting.get("reason") or ""), message_of(waiting))))
    if ended := mapping_in(state, "terminated"):
        return f"ended with exit code {ended.get('exitCode')} ({ended.get('reason')})"
    if running := mapping_in(state, "running"):
        verb = "is simulated, nothing runs in it," if simulated else "runs"
        return f"{verb} since {running.get('startedAt')}"
    return "has no state yet"


def _events(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[str]:
    about = [event for _, manifest in _related(ref, live, surroundings) for event in surroundings.events_of(manifest)]
    for event in sorted(about, key=time_of)[-_EVENTS:]:
        involved = mapping_in(event, "involvedObject")
        count = int(mapping_in(event, "series").get("count") or event.get("count") or 1)
        times = f" ({count} times)" if count > 1 else ""
        what = f"{involved.get('kind')} {involved.get('name')}"
        yield f"{time_of(event)} {event.get('type')} {what}: {event.get('reason')}: {message_of(event)}{times}"
