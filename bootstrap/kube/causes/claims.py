"""Why a volume claim is not bound, and which claims a pod waits for."""

from collections.abc import Iterator

from bootstrap.kube.causes.surroundings import Surroundings, core_ref, message_of, pod_ref, reasons
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, mappings_in

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_STATIC = "kubernetes.io/no-provisioner"


def claim_names(pod: Manifest) -> Iterator[str]:
    """The claims without which a pod does not start."""
    for volume in mappings_in(pod, "spec", "volumes"):
        if name := mapping_in(volume, "persistentVolumeClaim").get("claimName"):
            yield str(name)
        elif "ephemeral" in volume:
            yield f"{pod_ref(pod).name}-{volume.get('name')}"


def claims_of_pod(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """What keeps the claims of a pod that has no node yet."""
    if mapping_in(pod, "spec").get("nodeName"):
        return
    for name in claim_names(pod):
        claim = surroundings.claim(pod_ref(pod).namespace, name)
        if claim is not None:
            yield from claim_causes(claim, of, surroundings, used=True)


def claim_causes(claim: Manifest, of: ObjectRef, surroundings: Surroundings, *, used: bool) -> Iterator[Cause]:
    """Why this claim is not bound; `used`: a pod waits for it."""
    phase = mapping_in(claim, "status").get("phase")
    if phase == "Bound":
        return
    ref = core_ref("PersistentVolumeClaim", claim)
    text, fix, evidence, terminal = _judged(claim, surroundings, used=used)
    named = f"claim {ref.namespace}/{ref.name} {text}"
    if phase == "Lost":
        named, terminal = f"claim {ref.namespace}/{ref.name} has lost its volume", True
        fix = f"its data is lost; remove the claim: {surroundings.kubectl} -n {ref.namespace} delete pvc {ref.name}"
    yield Cause(
        kind=CauseKind.CLAIM, of=of, object=ref, text=named, evidence=tuple(evidence), fix=fix, terminal=terminal
    )


def _judged(claim: Manifest, surroundings: Surroundings, *, used: bool) -> tuple[str, str, list[str], bool]:
    """Text, fix, evidence, and whether it is for good."""
    events = surroundings.events_of({**claim, "kind": "PersistentVolumeClaim"})
    asked = mapping_in(claim, "spec").get("storageClassName")
    classes = {str(mapping_in(item, "metadata").get("name")): item for item in surroundings.storage_classes or ()}
    is_complete = surroundings.storage_classes is not None
    if is_complete and not asked and (asked == "" or not _default(surroundings)):
        none = "names no storage class, and the cluster has no default one" if asked is None else "asks for no class"
        words = [message_of(event) for event in reasons(events, "FailedBinding")][:1]
        return f"{none}; no volume fits it", _choose(classes, surroundings), words, True
    if is_complete and asked and asked not in classes:
        words = [message_of(event) for event in reasons(events, "ProvisioningFailed")][:1]
        return f"names the storage class {asked}, which does not exist", _choose(classes, surroundings), words, True
    name = str(asked or _default(surroundings) or "")
    return _provisioned(name, classes.get(name, {}), events, surroundings, used=used)


def _provisioned(
    name: str, storage_class: Manifest, events: list[Manifest], surroundings: Surroundings, *, used: bool
) -> tuple[str, str, list[str], bool]:
    provisioner = str(storage_class.get("provisioner") or "")
    newest = next(reasons(events, "ProvisioningFailed", "ProvisioningSucceeded", "Provisioning"), {})
    look = f"{surroundings.kubectl} get storageclass,csidrivers; {surroundings.kubectl} get pods -A"
    if newest.get("reason") == "ProvisioningFailed":
        return f"cannot be given a volume by {provisioner or name}", f"look at it: {look}", [message_of(newest)], True
    asked = next(reasons(events, "ExternalProvisioning"), None)
    if asked is not None and not newest:
        text = f"waits for {provisioner or 'a provisioner'} (storage class {name}), which does not answer"
        fix = f"install that provisioner, or use a storage class whose provisioner runs: {look}"
        return text, fix, [message_of(asked)], True
    if provisioner == _STATIC and used:
        fix = "add a PersistentVolume that fits it, or use a storage class with a provisioner"
        return f"finds no volume that fits: storage class {name} makes none", fix, [], True
    if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not used:
        return "is bound once a pod uses it", "", [], False
    return f"waits for its volume of storage class {name}" if name else "is not bound yet", "", [], False


def _default(surroundings: Surroundings) -> str | None:
    for item in surroundings.storage_classes or ():
        metadata = mapping_in(item, "metadata")
        if mapping_in(metadata, "annotations").get(_DEFAULT) == "true":
            return str(metadata.get("name"))
    return None


def _choose(classes: "dict[str, Manifest]", surroundings: Surroundings) -> str:
    if not classes:
        return (
            f"install a storage provisioner; the cluster has no storage class: {surroundings.kubectl} get storageclass"
        )
    return f"set storageClassName to one that exists: {', '.join(sorted(classes))}"
