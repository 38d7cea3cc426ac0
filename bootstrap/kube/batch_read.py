"""Reads many objects of a cluster with few requests."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bootstrap.kube.api import KubeApi
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.system.clock import CancelToken

_SINGLE_READS = 3
"""Up to this many objects of a kind and namespace are read one by one; more by one list."""


def read_all(refs: Iterable[ObjectRef], api: KubeApi, cancel: CancelToken) -> Mapping[ObjectRef, Manifest | None]:
    """Each live object; None for those that are not there."""
    groups: dict[tuple[str, str, str | None], list[ObjectRef]] = defaultdict(list)
    for ref in dict.fromkeys(refs):
        groups[ref.api_version, ref.kind, ref.namespace].append(ref)
    live_objects: dict[ObjectRef, Manifest | None] = {}
    for members in groups.values():
        if len(members) <= _SINGLE_READS:
            live_objects.update({ref: api.read(ref, cancel) for ref in members})
        else:
            live_objects.update(_listed(members, api, cancel))
    return live_objects


def in_namespace(ref: ObjectRef, namespace: str, api: KubeApi, cancel: CancelToken) -> ObjectRef:
    """The object as the cluster names it: with a namespace exactly when its kind has one.

    Raises:
        UnknownKindError: the cluster does not know the kind.
    """
    namespaced = api.kind(ref.api_version, ref.kind, cancel).namespaced
    where = (ref.namespace or namespace) if namespaced else None
    return ObjectRef(api_version=ref.api_version, kind=ref.kind, namespace=where, name=ref.name)


def _listed(refs: list[ObjectRef], api: KubeApi, cancel: CancelToken) -> dict[ObjectRef, Manifest | None]:
    first = refs[0]
    try:
        path = api.collection(first.api_version, first.kind, first.namespace, cancel)
    except UnknownKindError:
        return dict.fromkeys(refs)
    listed = api.get(path, cancel) or {}
    by_name: dict[str, Manifest] = {item["metadata"]["name"]: item for item in listed.get("items") or ()}
    # Items of a list carry neither kind nor apiVersion.
    row = {"apiVersion": first.api_version, "kind": first.kind}
    return {ref: None if ref.name not in by_name else {**row, **by_name[ref.name]} for ref in refs}
