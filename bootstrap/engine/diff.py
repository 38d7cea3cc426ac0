"""What `up` would change in a running cluster, unit by unit."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bootstrap.engine.plan import Planning
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.model.kube import KubeContext, Manifest, is_named_by_server
from bootstrap.model.labels import HELM_HOOK, HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.step import Keep
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken

T = TypeVar("T")
_MANAGER, _HELM = "bootstrap", "helm"


def differences(
    planning: Planning,
    compare: Callable[[Sequence[Manifest], str, str, KubeContext, CancelToken], T],
    cancel: CancelToken,
    *,
    looked_up: Callable[[PreparedRelease, KubeContext, CancelToken], PreparedRelease] = lambda prepared, *_: prepared,
) -> Iterator[tuple[str, T]]:
    """(unit, the differences of its objects as `compare` finds them) for every release and every Kustomization.

    `looked_up` renders a release with what its chart looks up in the cluster. One that the plan leaves unchanged has no
    differences: a new rendering may hold other random values than the installed one, but it would not be applied.

    Raises:
        RefusedError: the cluster is not running; there is nothing to compare with.
    """
    kube = planning.kube
    units = planning.desired.units
    for part in units.parts:
        applied = [item for item in part.objects if not (kube.simulated and is_api_backend(item))]
        yield ids.objects(part.id), compare(tuple(applied), "default", _MANAGER, kube, cancel)
    kept = {step.id for step in planning.plan.steps if isinstance(step.action, Keep)}
    for release in units.releases:
        if ids.release(release.id) in kept:
            continue
        prepared = looked_up(planning.desired.prepared[release.id], kube, cancel)
        objects = tuple(_as_installed(prepared, simulated=kube.simulated))
        yield ids.release(release.id), compare(objects, release.target_namespace, _HELM, kube, cancel)


def _as_installed(prepared: PreparedRelease, *, simulated: bool) -> Iterator[Manifest]:
    """The rendered objects with the labels and annotations that helm adds to what it installs.

    Left out: hooks, objects whose name the API server chooses, and objects that simulated pods would have to serve.
    """
    release = prepared.release
    for manifest in prepared.manifests or ():
        metadata = manifest.get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        if HELM_HOOK in annotations or manifest.get("kind") == "CustomResourceDefinition":
            continue
        if is_named_by_server(manifest) or (simulated and is_api_backend(manifest)):
            continue
        marks = {
            HELM_RELEASE_NAME: release.release_name,
            HELM_RELEASE_NAMESPACE: release.target_namespace,
        }
        labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
        yield {**manifest, "metadata": {**metadata, "labels": labels, "annotations": {**annotations, **marks}}}
