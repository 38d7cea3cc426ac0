"""What was applied for each Kustomization, kept in the cluster so that it vanishes with it.

One ConfigMap per Kustomization: steps that run at once never write the same object, and none outgrows the 1 MiB that
an object may have (room for about 10 000 entries).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from bootstrap.kube.api import KubeApi
from bootstrap.model import labels
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.model.observed import InventoryEntry
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until

NAMESPACE = "bootstrap-system"
_MADE = ("app.kubernetes.io/managed-by", "bootstrap")
_GOING_SECONDS = 60.0
_ENTRIES = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


class Inventory:
    """The entries of one owner."""

    def __init__(self, api: KubeApi, owner: str) -> None:
        self._api = api
        self._owner = owner

    def read(self, cancel: CancelToken) -> Mapping[str, InventoryEntry]:
        """All entries, by NAMESPACE/NAME of the Kustomization."""
        path = f"{_ENTRIES}?labelSelector={labels.INVENTORY}%3D{self._owner}"
        listed = self._api.get(path, cancel) or {}
        return {
            item["metadata"]["annotations"][labels.KUSTOMIZATION]: _entry(item) for item in listed.get("items") or ()
        }

    def entry(self, kustomization: str, cancel: CancelToken) -> InventoryEntry | None:
        """One entry; None when there is none."""
        live = self._api.read(self._ref(kustomization), cancel)
        return None if live is None else _entry(live)

    def write(self, kustomization: str, entry: InventoryEntry, cancel: CancelToken) -> None:
        """Keep this entry; creates the namespace if it is not there.

        Raises:
            DeadlineError: the last stack deleted it just now, and it is still terminating.
        """
        token = cancel.within(_GOING_SECONDS, f"namespace {NAMESPACE}, left by the last stack of this cluster,")
        wait_until(lambda: self._home(cancel), token)
        self._api.apply(self._manifest(kustomization, entry), cancel)

    def remove(self, kustomization: str, cancel: CancelToken) -> None:
        """Forget this entry; passes if there is none."""
        self._api.delete(self._ref(kustomization), cancel)
        self._leave(cancel)

    def _home(self, cancel: CancelToken) -> bool | None:
        """True: the namespace is there; None: it is going, and takes nothing any more."""
        live = self._api.read(_NAMESPACE_REF, cancel, metadata_only=True)
        if live is None:
            home = {"name": NAMESPACE, "labels": dict((_MADE,))}
            self._api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": home}, cancel)
        return True if live is None or not live["metadata"].get("deletionTimestamp") else None

    def _leave(self, cancel: CancelToken) -> None:
        """Remove the namespace that holds the entries, if we created it and no stack has any left in it."""
        listed = self._api.get(f"{_ENTRIES}?labelSelector={labels.INVENTORY}", cancel) or {}
        home = self._api.read(_NAMESPACE_REF, cancel, metadata_only=True)
        if home is None or listed.get("items") or _MADE not in (home["metadata"].get("labels") or {}).items():
            return
        self._api.delete(_NAMESPACE_REF, cancel, uid=home["metadata"]["uid"])

    def _ref(self, kustomization: str) -> ObjectRef:
        # A hash, since all parts together may be longer than a name may be; two stacks may share a cluster.
        digest = hashlib.sha256(f"{self._owner} {kustomization}".encode()).hexdigest()[:16]
        return ObjectRef(api_version="v1", kind="ConfigMap", namespace=NAMESPACE, name=f"inventory-{digest}")

    def _manifest(self, kustomization: str, entry: InventoryEntry) -> Manifest:
        ref = self._ref(kustomization)
        return {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "labels": {labels.INVENTORY: self._owner, labels.OWNER: self._owner},
                "annotations": {labels.KUSTOMIZATION: kustomization},
            },
            "data": {
                "fingerprint": entry.fingerprint,
                "objects": _written(entry.objects),
                "within": ".".join(entry.within),
            },
        }


_NAMESPACE_REF = ObjectRef(api_version="v1", kind="Namespace", namespace=None, name=NAMESPACE)


def _written(objects: Iterable[ObjectRef]) -> str:
    return json.dumps([[ref.api_version, ref.kind, ref.namespace, ref.name] for ref in sorted(objects, key=str)])


def _entry(live: Manifest) -> InventoryEntry:
    kept = live.get("data") or {}
    objects = tuple(
        ObjectRef(api_version=version, kind=kind, namespace=namespace, name=name)
        for version, kind, namespace, name in json.loads(kept.get("objects", "[]"))
    )
    within = tuple(filter(None, kept.get("within", "").split(".")))
    return InventoryEntry(fingerprint=kept.get("fingerprint", ""), objects=objects, within=within)
