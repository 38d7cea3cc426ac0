"""Asks the API server, before anything is applied, which objects it would not change in place."""

from collections.abc import Iterator
from dataclasses import replace

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.model.kube import KubeContext, Manifest, is_named_by_server
from bootstrap.model.labels import HELM_HOOK, HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE
from bootstrap.model.observed import Observed, PreparedRelease
from bootstrap.model.release import Note
from bootstrap.model.replacement import Replacement
from bootstrap.model.step import Action, ApplyObjects, InstallRelease, Plan, underlying
from bootstrap.system.clock import CancelToken

MANAGER, HELM = "bootstrap", "helm"
"""The field managers of what we apply, and of what helm installs."""
_SECONDS = 30.0


def with_immutable(
    session: Session, plan: Plan, observed: Observed, cancel: CancelToken
) -> tuple[Observed, tuple[Note, ...]]:
    """What was observed, with the replacements that the steps of this plan need, and a note if that is not known.

    Only what is in the cluster already is asked about.
    """
    kube = observed.cluster.kube
    if kube is None:
        return observed, ()
    within = cancel.within(_SECONDS, "asking the API server which objects can change in place")
    immutable: dict[str, Replacement] = {}
    try:
        for step in plan.steps:
            if (replacement := _asked(session, underlying(step.action), observed, kube, within)) is not None:
                immutable[step.id] = replacement
    except BootstrapError as error:
        cancel.check()
        text = f"whether every object can change in place is known when it is applied: {error.what}"
        return replace(observed, immutable=immutable), (Note(text=text),)
    return replace(observed, immutable=immutable), ()


def _asked(
    session: Session, action: Action, observed: Observed, kube: KubeContext, cancel: CancelToken
) -> Replacement | None:
    ask = session.ports.objects.replacement
    match action:
        case InstallRelease(prepared=prepared):
            release = prepared.release
            if f"{release.target_namespace}/{release.release_name}" not in observed.releases:
                return None
            objects = tuple(as_installed(prepared, simulated=kube.simulated))
            return ask(objects, release.target_namespace, HELM, kube, cancel) if objects else None
        case ApplyObjects(kustomization=part) if part.id in observed.inventory:
            return ask(part.objects, "default", MANAGER, kube, cancel)
        case _:
            return None


def as_installed(prepared: PreparedRelease, *, simulated: bool) -> Iterator[Manifest]:
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
