"""Helm's records of releases: Secrets whose labels are read and whose content is not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.model import labels as our_labels
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import ReleaseObserved
from bootstrap.model.release import Release, chain_of
from bootstrap.system.clock import CancelToken

_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MERGE = "application/merge-patch+json"
_UNSET = "pending"
DEPLOYED = "deployed"
NOT_READY = "deployed, not ready"
_LABEL_LENGTH = 61


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One revision of a release, read from its record's labels."""

    namespace: str
    release_name: str
    number: int
    status: str
    secret: str
    labels: Mapping[str, str]

    @property
    def applied(self) -> str | None:
        """The fingerprint that helm was asked for; None: not by us."""
        return self.labels.get(our_labels.APPLIED)

    def is_of(self, stack: str) -> bool:
        """Whether that stack asked for it: several may share a cluster that neither of them made."""
        return self.applied is not None and self.labels.get(our_labels.OWNER, stack) == stack

    @property
    def values_hash(self) -> str:
        """See `values.cluster_values_hash`."""
        return self.labels.get(our_labels.HELD, "")

    @property
    def pending(self) -> bool:
        """Whether helm has not finished with it."""
        return self.status.startswith("pending-")

    def observed(self, stack: str) -> ReleaseObserved:
        """As that stack's plan wants it: what was installed but never became ready is not called deployed."""
        ours = self.is_of(stack)
        ready = self.labels.get(our_labels.FINGERPRINT) == self.applied
        status = self.status if ready or self.applied is None or self.status != DEPLOYED else NOT_READY
        return ReleaseObserved(
            namespace=self.namespace,
            release_name=self.release_name,
            status=status,
            revision=self.number,
            fingerprint=self.applied if ours else None,
            values_hash=self.values_hash,
            owner=_owner(self.labels) if ours else None,
            within=tuple(self.labels.get(our_labels.WITHIN, "").split(".")) if our_labels.WITHIN in self.labels else (),
        )


def labels_for(release: Release, fingerprint: str, stack: str, values_hash: str = "") -> Mapping[str, str]:
    """What helm is to label a new revision with."""
    parts = [release.name[at : at + _LABEL_LENGTH] for at in range(0, len(release.name), _LABEL_LENGTH)]
    # A label's value must begin and end with a letter or digit, which a part of a name need not.
    names = {f"{our_labels.NAME}-{number}": f"x{part}x" for number, part in enumerate(parts)}
    values = {our_labels.HELD: values_hash} if values_hash else {}
    if release.owner:
        values[our_labels.WITHIN] = ".".join(chain_of(release.owner, release.ancestors))
    return {
        our_labels.APPLIED: fingerprint,
        our_labels.FINGERPRINT: _UNSET,
        our_labels.OWNER: stack,
        our_labels.NAMESPACE: release.namespace,
        **values,
        **names,
    }


def newest(api: KubeApi, cancel: CancelToken) -> Mapping[str, Revision]:
    """The newest revision of every release of the cluster, by NAMESPACE/RELEASE_NAME."""
    histories = {}
    for revision in sorted(_read("/api/v1/secrets", "owner=helm", api, cancel), key=lambda entry: entry.number):
        histories[f"{revision.namespace}/{revision.release_name}"] = revision
    return histories


def revisions(namespace: str, release_name: str, api: KubeApi, cancel: CancelToken) -> tuple[Revision, ...]:
    """Every revision of one release, the oldest first."""
    path = f"/api/v1/namespaces/{quote(namespace)}/secrets"
    history = _read(path, f"owner=helm,name={release_name}", api, cancel)
    return tuple(sorted(history, key=lambda revision: revision.number))


def forget(revision: Revision, api: KubeApi, cancel: CancelToken) -> None:
    """Remove one record; what it made stays."""
    api.delete(_ref(revision), cancel)


def mark_ready(release: Release, number: int, fingerprint: str, api: KubeApi, cancel: CancelToken) -> None:
    """Note that this revision of the release became ready (the record's name: helm.sh/helm pkg/storage, `makeKey`)."""
    record = f"sh.helm.release.v1.{release.release_name}.v{number}"
    ref = ObjectRef(api_version="v1", kind="Secret", namespace=release.target_namespace, name=record)
    path = f"/api/v1/namespaces/{quote(release.target_namespace)}/secrets/{quote(record)}"
    answer = api.ask(
        "PATCH",
        path,
        cancel,
        body={"metadata": {"labels": {our_labels.FINGERPRINT: fingerprint}}},
        headers={"Content-Type": _MERGE},
    )
    if not answer.ok:
        raise ApiRefusedError(f"cannot label {ref}", answer)


def _read(path: str, selector: str, api: KubeApi, cancel: CancelToken) -> Iterable[Revision]:
    listed = api.get(f"{path}?labelSelector={quote(selector)}", cancel, headers={"Accept": _METADATA_ONLY}) or {}
    return [_revision(item["metadata"]) for item in listed.get("items") or ()]


def _revision(metadata: Mapping[str, Any]) -> Revision:
    labels = metadata.get("labels") or {}
    return Revision(
        namespace=metadata["namespace"],
        release_name=labels.get("name", ""),
        number=int(labels.get("version", 0)),
        status=labels.get("status", "unknown"),
        secret=metadata["name"],
        labels=labels,
    )


def _owner(labels: Mapping[str, str]) -> str | None:
    if our_labels.NAMESPACE not in labels:
        return None
    parts: dict[int, str] = defaultdict(str)
    for key, value in labels.items():
        if key.startswith(f"{our_labels.NAME}-"):
            parts[int(key.removeprefix(f"{our_labels.NAME}-"))] = value[1:-1]
    return f"{labels[our_labels.NAMESPACE]}/{''.join(parts[number] for number in sorted(parts))}"


def _ref(revision: Revision) -> ObjectRef:
    return ObjectRef(api_version="v1", kind="Secret", namespace=revision.namespace, name=revision.secret)
