"""Reads what surrounds objects that are not ready, with a few requests for each namespace."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.kube.causes.claims import claim_names
from bootstrap.kube.causes.containers import logs_to_read
from bootstrap.kube.causes.diagnosis import find_causes
from bootstrap.kube.causes.missing_references import needed_objects
from bootstrap.kube.causes.surroundings import LogKey, Surroundings
from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, NamedObject, ObjectRef, mapping_in
from bootstrap.system.clock import CancelToken

LOG_LINES = 20
_NONE: Mapping[NamedObject, str] = {}
_PATHS = {
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps/{name}",
    "Secret": "/api/v1/namespaces/{namespace}/secrets/{name}",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "CSIDriver": "/apis/storage.k8s.io/v1/csidrivers/{name}",
}


class CauseReader:
    """Looks at one cluster for the causes of one wait; each container's log is read once."""

    def __init__(self, api: KubeApi, *, simulated: bool, expected: Mapping[NamedObject, str] = _NONE) -> None:
        """`expected`: what the plan will make, and by what."""
        self._api = api
        self._simulated = simulated
        self._expected = expected
        self._logs: dict[LogKey, tuple[str, ...]] = {}

    def causes(self, unready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> tuple[Cause, ...]:
        """Why these are not ready, the most significant first.

        Raises:
            BootstrapError: the API server does not answer, or the token says so.
        """
        return find_causes(self.surroundings(unready, cancel))

    def surroundings(self, unready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> Surroundings:
        """What surrounds these objects now.

        Raises:
            BootstrapError: the API server does not answer, or the token says so.
        """
        surroundings = self._surroundings(unready, cancel)
        present = {
            named: keys for named in needed_objects(surroundings) if (keys := self._keys(named, cancel)) is not None
        }
        for key in logs_to_read(surroundings) - self._logs.keys():
            self._logs[key] = self._log(key, cancel)
        return replace(surroundings, present=present, logs=dict(self._logs))

    def _surroundings(self, unready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> Surroundings:
        namespaces = sorted({ref.namespace for ref in unready if ref.namespace is not None})
        spaces = [*namespaces, *(ref.name for ref in unready if ref.kind == "Namespace")]
        kinds = {ref.kind for ref in unready}
        pods = tuple(self._in_each(namespaces, "/api/v1/namespaces/{}/pods", cancel))
        claimed = "PersistentVolumeClaim" in kinds or any(True for pod in pods for _ in claim_names(pod))
        return Surroundings(
            objects=unready,
            pods=pods,
            replica_sets=tuple(
                self._in_each(namespaces, "/apis/apps/v1/namespaces/{}/replicasets", cancel)
                if "Deployment" in kinds
                else ()
            ),
            events=tuple(self._in_each(namespaces, "/api/v1/namespaces/{}/events", cancel)),
            claims=tuple(
                self._in_each(namespaces, "/api/v1/namespaces/{}/persistentvolumeclaims", cancel) if claimed else ()
            ),
            storage_classes=self._list("/apis/storage.k8s.io/v1/storageclasses", cancel) if claimed else None,
            nodes=self._list("/api/v1/nodes", cancel) or () if pods or "Node" in kinds else (),
            namespaces=tuple(each for name in spaces if (each := self._namespace(name, cancel)) is not None),
            expected=self._expected,
            simulated=self._simulated,
            kubectl=self._api.kubectl,
            now=cancel.clock.now(),
        )

    def _in_each(self, namespaces: Iterable[str], path: str, cancel: CancelToken) -> Iterator[Manifest]:
        for namespace in namespaces:
            yield from self._list(path.format(quote(namespace)), cancel) or ()

    def _list(self, path: str, cancel: CancelToken) -> tuple[Manifest, ...] | None:
        """None if the API server does not let us see them: the other causes are found all the same."""
        try:
            listed = self._api.get(path, cancel)
        except ApiRefusedError:
            return None
        return None if listed is None else tuple(listed.get("items") or ())

    def _namespace(self, name: str, cancel: CancelToken) -> Manifest | None:
        try:
            namespace_object: Manifest | None = self._api.get(f"/api/v1/namespaces/{quote(name)}", cancel)
        except ApiRefusedError:
            return None
        return namespace_object

    def _keys(self, named: NamedObject, cancel: CancelToken) -> frozenset[str] | None:
        kind, namespace, name = named
        if kind not in _PATHS:
            return None
        path = _PATHS[kind].format(namespace=quote(namespace or ""), name=quote(name))
        try:
            live = self._api.get(path, cancel)
        except ApiRefusedError:
            return None
        return None if live is None else frozenset({*mapping_in(live, "data"), *mapping_in(live, "binaryData")})

    def _log(self, key: LogKey, cancel: CancelToken) -> tuple[str, ...]:
        return read_log(key.namespace, key.pod, key.container, self._api, cancel, previous=key.previous)


def read_log(  # noqa: PLR0913 - what a log is of, and how much of it
    namespace: str,
    pod: str,
    container: str,
    api: KubeApi,
    cancel: CancelToken,
    *,
    previous: bool,
    lines: int = LOG_LINES,
) -> tuple[str, ...]:
    """The last lines of a container's log; none if there is none (any more)."""
    path = (
        f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log?container={quote(container)}"
        f"&tailLines={lines}&previous={'true' if previous else 'false'}"
    )
    try:
        answer = api.ask("GET", path, cancel)
    except BootstrapError:
        cancel.check()
        return ()
    if not answer.ok:
        return ()
    return tuple(line.rstrip() for line in answer.text.splitlines() if line.strip())
