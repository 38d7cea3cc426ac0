"""Kubernetes objects and the way to a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Manifest = Mapping[str, Any]
"""A Kubernetes object as YAML or JSON holds it."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class ObjectRef:
    """Names one object of a cluster."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`."""
        where = self.name if self.namespace is None else f"{self.namespace}/{self.name}"
        return f"{self.kind} {where}"

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]


NamedObject: TypeAlias = tuple[str, str | None, str]
"""(kind, namespace, name)."""


def mapping_in(value: object, *path: str) -> Mapping[str, Any]:
    """The mapping that stands there; an empty one for anything else, as what a repository holds need not be valid."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def mappings_in(value: object, *path: str) -> Sequence[Mapping[str, Any]]:
    """The mappings of the list that stands there; none for anything else."""
    *way, last = path
    listed = mapping_in(value, *way).get(last)
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list | tuple) else []


def ref_of(manifest: Manifest) -> ObjectRef:
    """The name of this object."""
    metadata = mapping_in(manifest, "metadata")
    return ObjectRef(
        api_version=str(manifest.get("apiVersion", "")),
        kind=str(manifest.get("kind", "")),
        namespace=metadata.get("namespace"),
        name=str(metadata.get("name", "")),
    )


def namespace_ref(name: str) -> ObjectRef:
    """A namespace by its name."""
    return ObjectRef(api_version="v1", kind="Namespace", namespace=None, name=name)


def is_named_by_server(manifest: Manifest) -> bool:
    """Whether the API server chooses its name (`generateName`), so that the created object is not known."""
    metadata = mapping_in(manifest, "metadata")
    return not metadata.get("name") and bool(metadata.get("generateName"))


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeContext:
    """A cluster whose identity is proven, and the only kubeconfig it is reached with."""

    kubeconfig: Path
    uid: str
    """UID of its kube-system namespace."""
    simulated: bool
    """Whether pods exist only in the API: they never serve, create or reconcile anything."""
