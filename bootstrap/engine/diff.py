"""What `up` would change in a running cluster, unit by unit."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bootstrap.engine.planning import Planning
from bootstrap.errors import RefusedError
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.observed import PreparedRelease
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken

T = TypeVar("T")
_MANAGER, _HELM = "bootstrap", "helm"


def differences(
    planning: Planning,
    compare: Callable[[Sequence[Manifest], str, str, KubeContext, CancelToken], T],
    cancel: CancelToken,
) -> Iterator[tuple[str, T]]:
    """(unit, what `compare` tells of its objects) for every release and every Kustomization.

    Raises:
        RefusedError: the cluster does not run; there is nothing to compare with.
    """
    kube = planning.observed.cluster.kube
    if kube is None:
        raise RefusedError("the cluster does not run: there is nothing to compare with", fix="run: bootstrap plan")
    units = planning.wanted.units
    for part in units.parts:
        yield ids.objects(part.id), compare(part.objects, "default", _MANAGER, kube, cancel)
    for release in units.releases:
        prepared = planning.wanted.prepared[release.id]
        objects = tuple(_as_installed(prepared))
        yield ids.release(release.id), compare(objects, release.target_namespace, _HELM, kube, cancel)


def _as_installed(prepared: PreparedRelease) -> Iterator[Manifest]:
    """The rendered objects with the marks that helm gives what it installs; hooks come and go, they are left out."""
    release = prepared.release
    for manifest in prepared.manifests or ():
        metadata = manifest.get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        if HELM_HOOK in annotations or manifest.get("kind") == "CustomResourceDefinition":
            continue
        marks = {
            "meta.helm.sh/release-name": release.release_name,
            "meta.helm.sh/release-namespace": release.target_namespace,
        }
        labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
        yield {**manifest, "metadata": {**metadata, "labels": labels, "annotations": {**annotations, **marks}}}
