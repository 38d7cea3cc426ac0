"""Causes that show on an object itself or on its namespace: deletion, failed Jobs, conditions, warnings."""

import re
from collections.abc import Iterator

from bootstrap.kube.causes.surroundings import Surroundings, condition_of, core_ref, lasted, message_of
from bootstrap.kube.readiness import JOB_FAILURES
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, mappings_in

_REMAINING = ("NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionDiscoveryFailure")
_BUILT_IN = frozenset({"", "apps", "batch", "policy", "networking.k8s.io"})


def namespace_causes(ref: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """That the object's namespace, or the object, is being deleted, and what holds it."""
    namespace = surroundings.namespace(ref.namespace if ref.kind != "Namespace" else ref.name)
    if namespace is not None and mapping_in(namespace, "metadata").get("deletionTimestamp"):
        yield terminating_cause(namespace, ref, surroundings)


def terminating_cause(namespace: Manifest, of: ObjectRef, surroundings: Surroundings) -> Cause:
    """What holds a namespace that is being deleted: the finalizers on what is in it, and whose they are."""
    ref = core_ref("Namespace", namespace)
    since = lasted(mapping_in(namespace, "metadata").get("deletionTimestamp"), surroundings.now)
    remaining = [condition for condition in (condition_of(namespace, kind) for kind in _REMAINING) if condition]
    words = [message_of(condition) for condition in remaining if condition.get("status") == "True"]
    finalizers_named = re.findall(
        r"([\w./-]+/[\w.-]+|foregroundDeletion|orphan) in \d+ resource instances", " ".join(words)
    )
    # The core group has no name: `configmaps. has 1 resource instances`.
    kinds = [kind.rstrip(".") for kind in re.findall(r"([\w-]+\.[\w.-]*) has \d+ resource instances", " ".join(words))]
    by = (
        f", held by the finalizer {', '.join(finalizers_named)} of {', '.join(kinds)}"
        if finalizers_named and kinds
        else ""
    )
    owner = finalizers_named[0].partition("/")[0] if finalizers_named and "/" in finalizers_named[0] else ""
    run = f"let the controller of {owner} run again, which removes it; " if owner else ""
    what = ",".join(kinds) or "all"
    return Cause(
        kind=CauseKind.NAMESPACE_TERMINATING,
        of=of,
        object=ref,
        text=f"namespace {ref.name} is being deleted{since}{by}",
        evidence=tuple(words),
        fix=f"{run}or look at what is left: {surroundings.kubectl} -n {ref.name} get {what} -o yaml" if words else "",
        terminal=bool(words),
    )


def object_causes(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    """What the object reports of itself."""
    metadata = mapping_in(live, "metadata")
    if metadata.get("deletionTimestamp"):
        finalizers = ", ".join(map(str, metadata.get("finalizers") or ()))
        holder_text = f", held by the finalizer {finalizers}" if finalizers else ""
        yield Cause(kind=CauseKind.OBJECT_TERMINATING, of=ref, object=ref, text=f"{ref} is being deleted{holder_text}")
    elif ref.kind == "Job":
        yield from _job(ref, live, surroundings)
    elif ref.kind == "Deployment" and mapping_in(live, "spec").get("paused"):
        yield _paused(ref, surroundings)
    elif (ref.group, ref.kind) == ("", "Service"):
        yield from _service(ref, live)
    elif ref.group not in _BUILT_IN:
        yield from _conditions(ref, live)


def warning_causes(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    """The newest warnings about an object and its pods: for what has no cause of its own."""
    about = [live, *surroundings.pods_of(ref, live)]
    for event in (event for item in about for event in surroundings.events_of(item)):
        if event.get("type") == "Warning":
            involved = mapping_in(event, "involvedObject")
            text = f"{involved.get('kind')} {involved.get('name')}: {event.get('reason')}: {message_of(event)}"
            yield Cause(kind=CauseKind.WARNING, of=ref, object=ref, text=text)


def _job(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    failed = next((each for kind in JOB_FAILURES if (each := condition_of(live, kind)).get("status") == "True"), None)
    if failed is None:
        return
    look = f"{surroundings.kubectl} -n {ref.namespace} logs job/{ref.name} --all-containers"
    late = failed.get("reason") == "DeadlineExceeded"
    fix = f"raise its activeDeadlineSeconds, or see in its log what takes so long: {look}"
    yield Cause(
        kind=CauseKind.JOB_FAILED,
        of=ref,
        object=ref,
        text=f"{ref} failed: {failed.get('reason')}: {message_of(failed)}",
        fix=fix if late else f"its log shows why: {look}",
        terminal=True,
    )


def _paused(ref: ObjectRef, surroundings: Surroundings) -> Cause:
    resume = f"{surroundings.kubectl} -n {ref.namespace} rollout resume deployment/{ref.name}"
    return Cause(
        kind=CauseKind.CONDITION,
        of=ref,
        object=ref,
        text=f"{ref} is paused (spec.paused: true): its pods are not created or changed",
        fix=f"remove spec.paused from it; to try: {resume}",
        terminal=True,
    )


def _service(ref: ObjectRef, live: Manifest) -> Iterator[Cause]:
    if mapping_in(live, "spec").get("type") != "LoadBalancer" or mappings_in(live, "status", "loadBalancer", "ingress"):
        return
    text = f"{ref} has no address: nothing in this cluster assigns one"
    fix = "use type ClusterIP or NodePort here, or install something that assigns addresses, such as MetalLB"
    yield Cause(kind=CauseKind.LOAD_BALANCER, of=ref, object=ref, text=text, fix=fix)


def _conditions(ref: ObjectRef, live: Manifest) -> Iterator[Cause]:
    """Of a custom resource: what its controller reports."""
    conditions = mappings_in(live, "status", "conditions")
    if not conditions:
        text = f"{ref} has no status: its controller has not processed it yet"
        yield Cause(kind=CauseKind.CONDITION, of=ref, object=ref, text=text)
    for condition in conditions:
        if condition.get("type") == "Ready" and condition.get("status") != "True":
            text = f"{ref}: {condition.get('reason')}: {message_of(condition)}"
            yield Cause(kind=CauseKind.CONDITION, of=ref, object=ref, text=text)
