"""What is known of the surroundings of objects that are not ready: plain values, read by `kube.cause_reader`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bootstrap.model.kube import Manifest, NamedObject, ObjectRef, mapping_in, mappings_in

_REVISION = "deployment.kubernetes.io/revision"
_THIRD = 3


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class LogKey:
    """One run of one container."""

    namespace: str
    pod: str
    container: str
    previous: bool
    """Whether the run before the present one is meant."""
    restarts: int = 0
    """Which run it is: a log is read once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """The objects that are waited for, and what surrounds them."""

    objects: Mapping[ObjectRef, Manifest | None] = field(default_factory=dict)
    """Those that are not ready; None for one that is not there."""
    pods: Sequence[Manifest] = ()
    replica_sets: Sequence[Manifest] = ()
    events: Sequence[Manifest] = ()
    claims: Sequence[Manifest] = ()
    storage_classes: Sequence[Manifest] | None = None
    """None: they were not asked for."""
    nodes: Sequence[Manifest] = ()
    namespaces: Sequence[Manifest] = ()
    logs: Mapping[LogKey, tuple[str, ...]] = field(default_factory=dict)
    """The last lines of each run."""
    present: Mapping[NamedObject, frozenset[str]] = field(default_factory=dict)
    """ConfigMaps, Secrets and ServiceAccounts that are there after all, with their keys."""
    expected: Mapping[NamedObject, str] = field(default_factory=dict)
    """What will be made, and by what: `ExternalSecret shop/db`."""
    simulated: bool = False
    """Whether pods only exist in the API: then no container reports anything."""
    kubectl: str = "kubectl"
    """How kubectl reaches this cluster, to be pasted."""
    now: datetime | None = None

    def events_of(self, manifest: Manifest) -> list[Manifest]:
        """The events about an object, the newest first."""
        return sorted((event for event in self.events if _is_about(event, manifest)), key=time_of, reverse=True)

    def pods_of(self, ref: ObjectRef, live: Manifest) -> list[Manifest]:
        """The pods that an object makes now; those of a Deployment's earlier revisions are not."""
        if ref.kind == "Pod":
            return [live]
        owners = (
            {_uid(live)}
            if ref.kind != "Deployment"
            else {_uid(replica_set) for replica_set in self.replica_sets_of(live)}
        )
        return [pod for pod in self.pods if owners & _owners(pod)]

    def replica_sets_of(self, deployment: Manifest) -> list[Manifest]:
        """The newest ReplicaSet of a Deployment."""
        owned = [each for each in self.replica_sets if _uid(deployment) in _owners(each)]
        return sorted(owned, key=_revision)[-1:]

    def namespace(self, name: str | None) -> Manifest | None:
        """A namespace, if it was read."""
        return next((item for item in self.namespaces if mapping_in(item, "metadata").get("name") == name), None)

    def claim(self, namespace: str | None, name: str) -> Manifest | None:
        """A volume claim, if it is there."""
        matching = (item for item in self.claims if _name(item) == name and _namespace(item) == namespace)
        return next(matching, None)

    def node(self, name: str) -> Manifest | None:
        """A node."""
        return next((item for item in self.nodes if _name(item) == name), None)

    def log(self, namespace: str, pod: str, container: str) -> tuple[str, ...]:
        """The last lines of the container's newest run that was read."""
        keys = [key for key in self.logs if (key.namespace, key.pod, key.container) == (namespace, pod, container)]
        return self.logs[max(keys, key=lambda key: (key.restarts, not key.previous))] if keys else ()

    def has_failed_thrice(self, pod: Manifest) -> bool:
        """Whether three pods of this one's owner have failed for the same reason, and none of them is running."""
        siblings = [mapping_in(other, "status") for other in self.pods if _owners(other) & _owners(pod)]
        reason = mapping_in(pod, "status").get("reason")
        failed = [each for each in siblings if each.get("phase") == "Failed" and each.get("reason") == reason]
        return len(failed) >= _THIRD and not any(each.get("phase") == "Running" for each in siblings)

    def frees_room(self) -> bool:
        """Whether pods are ending just now, so that others may find room soon."""
        return any(mapping_in(pod, "metadata").get("deletionTimestamp") for pod in self.pods)


def pod_ref(pod: Manifest) -> ObjectRef:
    """The name of a pod of a list, whose items carry no kind."""
    return ObjectRef(api_version="v1", kind="Pod", namespace=_namespace(pod), name=_name(pod))


def core_ref(kind: str, manifest: Manifest) -> ObjectRef:
    """The name of an object of the core group, read from a list."""
    return ObjectRef(api_version="v1", kind=kind, namespace=_namespace(manifest), name=_name(manifest))


def condition_of(manifest: Manifest, kind: str) -> Mapping[str, Any]:
    """A condition of an object's status; an empty one if it has none."""
    matching = (
        condition for condition in mappings_in(manifest, "status", "conditions") if condition.get("type") == kind
    )
    return next(matching, {})


def message_of(event: Mapping[str, Any]) -> str:
    """The text of an event or condition, on one line."""
    return " ".join(str(event.get("message") or "").split())


def reasons(events: Iterable[Manifest], *names: str) -> Iterator[Manifest]:
    """Those with one of these reasons, in their order."""
    return (event for event in events if event.get("reason") in names)


def time_of(event: Manifest) -> str:
    """When an event was seen last; comparable text."""
    series = mapping_in(event, "series").get("lastObservedTime")
    moment_text = series or event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp")
    return str(moment_text or mapping_in(event, "metadata").get("creationTimestamp") or "")


def moment(text: object) -> datetime | None:
    """A time as Kubernetes writes it."""
    if not isinstance(text, str) or not text:
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}.{(fraction + '000000')[:6]}+00:00")
    except ValueError:
        return None


def lasted(since: object, now: datetime | None) -> str:
    """` for 25s`, where both times are known and it is worth a word."""
    begun = moment(since)
    if begun is None or now is None or (seconds := int((now - begun).total_seconds())) < 1:
        return ""
    minutes, rest = divmod(seconds, 60)
    return f" for {minutes}m{rest:02}s" if minutes else f" for {rest}s"


def _is_about(event: Manifest, manifest: Manifest) -> bool:
    involved = mapping_in(event, "involvedObject")
    uid = _uid(manifest)
    if uid and involved.get("uid"):
        return str(involved["uid"]) == uid
    kind = manifest.get("kind")
    same = (involved.get("name"), involved.get("namespace")) == (_name(manifest), _namespace(manifest))
    return same and (kind is None or involved.get("kind") == kind)


def _owners(manifest: Manifest) -> set[str]:
    return {str(owner.get("uid")) for owner in mappings_in(manifest, "metadata", "ownerReferences")}


def _uid(manifest: Manifest) -> str:
    return str(mapping_in(manifest, "metadata").get("uid") or "")


def _name(manifest: Manifest) -> str:
    return str(mapping_in(manifest, "metadata").get("name") or "")


def _namespace(manifest: Manifest) -> str | None:
    namespace = mapping_in(manifest, "metadata").get("namespace")
    return None if namespace is None else str(namespace)


def _revision(replica_set: Manifest) -> tuple[int, str]:
    metadata = mapping_in(replica_set, "metadata")
    revision = str(mapping_in(metadata, "annotations").get(_REVISION) or "0")
    return (int(revision) if revision.isdigit() else 0, str(metadata.get("creationTimestamp") or ""))
