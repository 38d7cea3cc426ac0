"""Kubernetes objects and the way to a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def ref_of(manifest: Manifest) -> ObjectRef:
    """The name of this object."""
    metadata = manifest.get("metadata") or {}
    return ObjectRef(
        api_version=str(manifest.get("apiVersion", "")),
        kind=str(manifest.get("kind", "")),
        namespace=metadata.get("namespace"),
        name=str(metadata.get("name", "")),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeContext:
    """A cluster whose identity is proven, and the only kubeconfig it is reached with."""

    kubeconfig: Path
    uid: str
    """UID of its kube-system namespace."""
    simulated: bool
    """Whether pods only exist in the API: nothing they should serve, make or reconcile ever happens."""
