"""A chart's CustomResourceDefinitions, there and Established before anything of the chart is."""

from collections.abc import Iterable
from typing import Any

from bootstrap.charts.release_history import revisions
from bootstrap.errors import StepFailedError
from bootstrap.kube.api import FIELD_MANAGER, ApiRefusedError, KubeApi
from bootstrap.kube.crd_wait import wait_established
from bootstrap.model.kube import Manifest, ref_of
from bootstrap.model.labels import HELM_HOOK, HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Release
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

CRD = "CustomResourceDefinition"
_HELM = "helm"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_STORED = "status.storedVersions"
"""Named by the API server when a version goes that objects may be stored in."""
_RELEASE_NAME, _RELEASE_NAMESPACE = HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE


def template_crds(objects: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Those among a chart's objects that helm installs with the rest, and removes with it."""
    return tuple(
        manifest
        for manifest in objects
        if manifest.get("kind") == CRD and HELM_HOOK not in (_metadata(manifest, "annotations"))
    )


def apply(prepared: PreparedRelease, api: KubeApi, work: Work, *, installed: bool) -> int:
    """Apply them server-side, wait until they are Established; how many.

    Those of templates are labelled as helm's own, so that it adopts them, from another release too unless
    `disableTakeOwnership` forbids it. Those of crds/ follow the release's policy: `Skip` leaves all as it is, `Create`
    makes what is missing, `CreateReplace` brings all up to date.

    Raises:
        StepFailedError: the API server rejects one, or another release holds one that must not be adopted.
    """
    release = prepared.release
    policy = release.upgrade_crds if installed else release.crds
    templates = template_crds(prepared.manifests or ())
    from_templates = {ref_of(template) for template in templates}
    folder = [definition for definition in prepared.crds if ref_of(definition) not in from_templates]
    live = {
        ref_of(definition): api.read(ref_of(definition), work.cancel, metadata_only=True)
        for definition in (*folder, *templates)
    }
    if release.upgrade_disable_take_ownership if installed else release.disable_take_ownership:
        for crd in templates:
            _refuse_other_release(crd, live[ref_of(crd)], release, api, work.cancel)
    writes = [
        (definition, FIELD_MANAGER)
        for definition in folder
        if policy == "CreateReplace" or _is_new(live[ref_of(definition)], policy)
    ]
    writes += [(_adoptable(template, release), _HELM) for template in templates]
    for number, (manifest, manager) in enumerate(writes, start=1):
        work.notify(f"applying {number}/{len(writes)}: {ref_of(manifest)}")
        try:
            api.apply(manifest, work.cancel, manager=manager)
        except ApiRefusedError as error:
            raise _rejected(manifest, release, error) from error
    # What is not there and must be skipped is not waited for.
    applied = {ref_of(definition) for definition, _ in writes}
    there = [
        definition
        for definition in (*folder, *templates)
        if live[ref_of(definition)] is not None or ref_of(definition) in applied
    ]
    wait_established(there, api, work)
    return len(there)


def _rejected(crd: Manifest, release: Release, error: ApiRefusedError) -> StepFailedError:
    """With what to do: a version that objects may be stored in cannot just be dropped."""
    name = ref_of(crd).name
    fix = "choose another version of the chart, or correct the values that this definition is rendered from"
    if _STORED in error.answer.message:
        fix = (
            f"objects may still be stored in that version. If you do not need them: kubectl delete crd {name}; "
            "otherwise migrate them, then remove the version from the definition's status.storedVersions"
        )
    where = f" ({release.place})" if release.place is not None else ""
    return StepFailedError(
        f"the API server rejects {ref_of(crd)}", evidence=(error.answer.message,), fix=f"{fix}{where}"
    )


def _is_new(live: Manifest | None, policy: str) -> bool:
    return live is None and policy != "Skip"


def _adoptable(crd: Manifest, release: Release) -> Manifest:
    metadata = dict(crd.get("metadata") or {})
    metadata["labels"] = {**_metadata(crd, "labels"), _MANAGED_BY: "Helm"}
    metadata["annotations"] = {
        **_metadata(crd, "annotations"),
        _RELEASE_NAME: release.release_name,
        _RELEASE_NAMESPACE: release.target_namespace,
    }
    return {**crd, "metadata": metadata}


def _refuse_other_release(
    crd: Manifest, live: Manifest | None, release: Release, api: KubeApi, cancel: CancelToken
) -> None:
    marks = _metadata(live or {}, "annotations")
    namespace, name = marks.get(_RELEASE_NAMESPACE), marks.get(_RELEASE_NAME)
    if None in {namespace, name} or (namespace, name) == (release.target_namespace, release.release_name):
        return
    # Marks of a release that is gone, or was never installed, bind nobody.
    if revisions(str(namespace), str(name), api, cancel):
        raise StepFailedError(
            f"{ref_of(crd)} of {release.id} belongs to release {namespace}/{name}, and disableTakeOwnership forbids"
            " adopting it",
            fix="switch its definitions off in one of the two charts' values (often `crds.enabled: false`)",
        )


def _metadata(manifest: Manifest, key: str) -> dict[str, Any]:
    return (manifest.get("metadata") or {}).get(key) or {}
