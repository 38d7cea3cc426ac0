"""Plain objects of Kustomizations: applied server-side, waited for, noted in the inventory, deleted."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bootstrap.errors import StepFailedError
from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.kube.batch_read import in_namespace, read_all
from bootstrap.kube.cause_timeout import Patience
from bootstrap.kube.deletion import wait_deleted
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.identity import Clusters
from bootstrap.kube.immutable_objects import (
    delete_for_replacement,
    immutable_objects,
    replacement_needed,
    replacement_of,
)
from bootstrap.kube.inventory import Inventory
from bootstrap.kube.namespaces import settle_namespace
from bootstrap.kube.readiness import judge
from bootstrap.kube.readiness_wait import Waited, wait_ready
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.kube.webhooks import NOT_CALLABLE
from bootstrap.model import labels
from bootstrap.model.count import counted
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef, ref_of
from bootstrap.model.observed import InventoryEntry, ObjectsObserved
from bootstrap.model.release import Kustomization, chain_of
from bootstrap.model.replacement import Replacement
from bootstrap.model.step import StepId
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

_WEBHOOK_SECONDS = 60.0
_KIND_SECONDS = 30.0
_DEFINITIONS = frozenset({"Namespace", "CustomResourceDefinition"})
_PRUNE_OFF = frozenset(
    {("kustomize.toolkit.fluxcd.io/prune", "disabled"), ("kustomize.toolkit.fluxcd.io/ssa", "Ignore")}
)


class KubeObjects:
    """The objects of one owner (a stack); others' objects are left alone."""

    def __init__(self, processes: Processes, owner: str, patience: Patience | None = None) -> None:
        self._clusters = Clusters(processes)
        self._owner = owner
        self._patience = patience or Patience()

    def inventory(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, InventoryEntry]:
        """See `Objects.inventory`."""
        return Inventory(self._clusters.api(kube, cancel), self._owner).read(cancel)

    def look(self, objects: Sequence[ObjectRef], kube: KubeContext, cancel: CancelToken) -> ObjectsObserved:
        """See `Objects.look`."""
        live = read_all(objects, self._clusters.api(kube, cancel), cancel)
        missing = frozenset(ref for ref, live_object in live.items() if live_object is None)
        if kube.simulated:
            return ObjectsObserved(missing=missing)
        judged = {ref: judge(live_object) for ref, live_object in live.items() if live_object is not None}
        return ObjectsObserved(
            missing=missing,
            unready={ref: judgement.reason for ref, judgement in judged.items() if not judgement.current},
        )

    def replacement(
        self, manifests: Sequence[Manifest], namespace: str, manager: str, kube: KubeContext, cancel: CancelToken
    ) -> Replacement | None:
        """See `Objects.replacement`."""
        asked = [manifest for manifest in manifests if not (kube.simulated and is_api_backend(manifest))]
        return replacement_of(asked, namespace, manager, self._clusters.proven(kube, cancel), cancel)

    def apply(
        self,
        kustomization: Kustomization,
        fingerprint: str,
        kube: KubeContext,
        work: Work,
        *,
        may_replace: bool = False,
    ) -> str:
        """See `Objects.apply`.

        Raises:
            StepFailedError: the API server rejects an object, it belongs to another stack, or it failed for good.
            ReplacementNeededError: an object cannot be changed, only be replaced, and `may_replace` is not given.
        """
        step = None if may_replace else ids.objects(kustomization.id)
        api = self._clusters.proven(kube, work.cancel)
        inventory = Inventory(api, self._owner)
        before = inventory.entry(kustomization.id, work.cancel) or InventoryEntry(fingerprint="")
        manifests = [
            manifest for manifest in kustomization.objects if not (kube.simulated and is_api_backend(manifest))
        ]
        # Recorded before anything is created, without a fingerprint: a killed run leaves nothing that is not known.
        planned = {ref_of(manifest) for manifest in manifests}
        within = chain_of(kustomization.id.removesuffix(ids.CUSTOM_PART), kustomization.ancestors)
        started = InventoryEntry(fingerprint="", objects=(*{*before.objects, *planned},), within=within)
        inventory.write(kustomization.id, started, work.cancel)
        applied = self._apply_all(manifests, api, work, step)
        waited = self._wait(kustomization, applied, kube, api, work)
        # What has left the repository stays noted until it is pruned.
        gone = planned - set(applied)
        kept = {*applied, *(ref for ref in before.objects if ref not in gone)}
        done = InventoryEntry(fingerprint=fingerprint, objects=tuple(kept), within=within)
        inventory.write(kustomization.id, done, work.cancel)
        left_out = len(kustomization.objects) - len(manifests)
        return counted(len(applied), "object") + waited.description(left_out=left_out)

    def delete(self, owner: str, objects: Sequence[ObjectRef], kube: KubeContext, work: Work) -> None:
        """See `Objects.delete`. Objects that do not carry this stack's label, or ask not to be pruned, stay."""
        api = self._clusters.proven(kube, work.cancel)
        going = tuple(ref for ref in _backwards(objects) if self._delete_object(ref, api, work.cancel))
        wait_deleted(going, api, work)
        inventory = Inventory(api, self._owner)
        before = inventory.entry(owner, work.cancel)
        if before is None:
            return
        stay = tuple(ref for ref in before.objects if ref not in frozenset(objects))
        if stay:
            inventory.write(owner, dataclasses.replace(before, objects=stay), work.cancel)
        else:
            inventory.remove(owner, work.cancel)

    def _apply_all(
        self, manifests: Sequence[Manifest], api: KubeApi, work: Work, step: StepId | None
    ) -> tuple[ObjectRef, ...]:
        definitions = [manifest for manifest in manifests if manifest.get("kind") in _DEFINITIONS]
        others = [manifest for manifest in manifests if manifest.get("kind") not in _DEFINITIONS]
        applied = [self._apply_object(manifest, api, work, step) for manifest in definitions]
        if applied:
            wait_ready(applied, api, work, what="its namespaces and definitions", simulated=False)
        applied.extend(self._apply_object(manifest, api, work, step) for manifest in others)
        return tuple(applied)

    def _apply_object(self, manifest: Manifest, api: KubeApi, work: Work, step: StepId | None) -> ObjectRef:
        """Apply it; what can only be replaced is, unless `step` names the step that consent is lacking for."""
        ref = ref_of(manifest)
        wait_for_kind(ref, api, work)
        _check_namespace(ref, api, work)
        ref = in_namespace(ref, "default", api, work.cancel)
        if (ref.group, ref.kind) == ("", "Namespace"):
            settle_namespace(ref.name, api, work, self._patience)
        self._refuse_foreign(ref, api, work.cancel)
        try:
            apply_patiently(labelled(manifest, self._owner), api, work)
        except ApiRefusedError as error:
            stuck = [(ref, each) for each in immutable_objects(error.answer.message)]
            if not stuck:
                raise
            if step is not None:
                raise replacement_needed(step, stuck[:1], (error.answer.message,)) from error
            delete_for_replacement((ref,), api, work)
            apply_patiently(labelled(manifest, self._owner), api, work)
        return ref

    def _refuse_foreign(self, ref: ObjectRef, api: KubeApi, cancel: CancelToken) -> None:
        live = api.read(ref, cancel, metadata_only=True)
        owner = _labels(live).get(labels.OWNER)
        if owner is not None and owner != self._owner:
            raise StepFailedError(
                f"{ref} belongs to another stack ({owner})",
                fix=f"run `bootstrap down` for that stack, or remove the label {labels.OWNER} from the object",
            )

    def _wait(
        self,
        kustomization: Kustomization,
        applied: tuple[ObjectRef, ...],
        kube: KubeContext,
        api: KubeApi,
        work: Work,
    ) -> Waited:
        checked = applied if kustomization.wait else kustomization.health_checks
        what = f"Kustomization {kustomization.id}"
        return wait_ready(
            checked,
            api,
            work,
            what=what,
            simulated=kube.simulated,
            patience=self._patience,
            expected=kustomization.expected,
        )

    def _delete_object(self, ref: ObjectRef, api: KubeApi, cancel: CancelToken) -> bool:
        live = api.read(ref, cancel, metadata_only=True)
        if live is None or _labels(live).get(labels.OWNER) != self._owner:
            return False
        marks = {*_labels(live).items(), *(live["metadata"].get("annotations") or {}).items()}
        return not marks & _PRUNE_OFF and api.delete(ref, cancel, uid=live["metadata"]["uid"])


def _check_namespace(ref: ObjectRef, api: KubeApi, work: Work) -> None:
    """Return unless the object needs a namespace and names none: Flux refuses that too (fluxcd/pkg `ssa`)."""
    if ref.namespace is None and api.kind(ref.api_version, ref.kind, work.cancel).namespaced:
        raise StepFailedError(
            f"{ref} names no namespace, and Flux refuses it",
            fix="set metadata.namespace, or spec.targetNamespace of its Kustomization",
        )


def apply_patiently(manifest: Manifest, api: KubeApi, work: Work, *, manager: str = "bootstrap") -> None:
    """Apply; an admission webhook that cannot be called yet is waited for, for a while.

    Raises:
        ApiRefusedError: the API server rejects it, or the webhook still cannot be called.
    """
    until = work.cancel.clock.monotonic() + _WEBHOOK_SECONDS
    while True:
        try:
            api.apply(manifest, work.cancel, manager=manager)
        except ApiRefusedError as error:
            if NOT_CALLABLE not in error.answer.message or work.cancel.clock.monotonic() > until:
                raise
            work.notify(f"waiting for a webhook: {error.answer.message}")
            work.cancel.sleep(1.0)
        else:
            return


def wait_for_kind(ref: ObjectRef, api: KubeApi, work: Work) -> None:
    """Return when the API server serves this kind: a definition made by a controller may come a little later.

    Raises:
        UnknownKindError: it does not, after a while.
    """
    until = work.cancel.clock.monotonic() + _KIND_SECONDS
    while True:
        try:
            api.kind(ref.api_version, ref.kind, work.cancel)
        except UnknownKindError:
            if work.cancel.clock.monotonic() > until:
                raise
            work.notify(f"waiting for the kind {ref.kind} ({ref.api_version})")
            work.cancel.sleep(0.5)
        else:
            return


def _backwards(objects: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Definitions last: deleting a namespace or a CRD takes along what could still be deleted in order."""
    ordered = list(objects)[::-1]
    return sorted(ordered, key=lambda ref: ref.kind in _DEFINITIONS)


def _labels(live: Manifest | None) -> Mapping[str, Any]:
    return ((live or {}).get("metadata") or {}).get("labels") or {}


def labelled(manifest: Manifest, owner: str) -> Manifest:
    """The object with the label of the stack that applies it."""
    metadata = dict(manifest.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), labels.OWNER: owner}
    return {**manifest, "metadata": metadata}
