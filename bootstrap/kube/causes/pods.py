"""Why one pod is not ready."""

import re
from collections.abc import Iterator
from datetime import timedelta

from bootstrap.kube.causes.claims import claims_of_pod
from bootstrap.kube.causes.containers import container_causes, probe_causes
from bootstrap.kube.causes.images import pulling_causes
from bootstrap.kube.causes.missing_references import missing_causes
from bootstrap.kube.causes.scheduling import node_causes, scheduling_causes
from bootstrap.kube.causes.surroundings import (
    Surroundings,
    condition_of,
    lasted,
    message_of,
    moment,
    pod_ref,
    reasons,
)
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, mappings_in

_USUAL_START = timedelta(seconds=10)
"""Until a node starts a pod that is all there."""
_NODE_FIXES = (
    (
        "^SysctlForbidden",
        "leave the sysctl out, or add it to allowedUnsafeSysctls of the kubelets (kubeadmConfigPatches in a kind.yaml)",
    ),
    (
        "ephemeral[ -]local[ -]storage|ephemeral-storage|emptyDir",
        "raise resources.limits.ephemeral-storage or the emptyDir's sizeLimit, or write less",
    ),
)
"""What a node's refusal or eviction holds, what to do; others are looked up at the node."""


def pod_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """All that keeps a pod; nothing of one that is ready, over or ending."""
    if mapping_in(pod, "metadata").get("deletionTimestamp") or _is_fine(pod):
        return
    yield from node_causes(pod, of, surroundings)
    yield from claims_of_pod(pod, of, surroundings)
    yield from scheduling_causes(pod, of, surroundings)
    # Where pods are simulated the scheduler is real, and no container is.
    if surroundings.simulated:
        return
    yield from _failed(pod, of, surroundings)
    yield from container_causes(pod, of, surroundings)
    yield from missing_causes(pod, of, surroundings)
    yield from _volumes(pod, of, surroundings)
    yield from _sandbox(pod, of, surroundings)
    yield from pulling_causes(pod, of, surroundings)
    yield from _initialising(pod, of, surroundings)
    yield from probe_causes(pod, of, surroundings)
    yield from _gates(pod, of)


def _is_fine(pod: Manifest) -> bool:
    phase = mapping_in(pod, "status").get("phase")
    return phase == "Succeeded" or condition_of(pod, "Ready").get("status") == "True"


def _failed(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """A pod that its node gave up: evicted, or never let in."""
    status, ref = mapping_in(pod, "status"), pod_ref(pod)
    if status.get("phase") != "Failed" or not status.get("reason"):
        return
    evicted = status["reason"] == "Evicted"
    text = f"Pod {ref.namespace}/{ref.name} was {'evicted' if evicted else 'refused by its node'}"
    look = f"look at its node: {surroundings.kubectl} describe node {mapping_in(pod, 'spec').get('nodeName')}"
    fix = next(
        (fix for pattern, fix in _NODE_FIXES if re.search(pattern, f"{status['reason']}: {message_of(status)}")), look
    )
    yield Cause(
        kind=CauseKind.EVICTED if evicted else CauseKind.POD_FAILED,
        of=of,
        object=ref,
        text=f"{text}: {status['reason'] + ': ' if not evicted else ''}{message_of(status)}",
        fix=fix,
        # Its controller creates another one, which may fare better, but not after three that fared alike.
        terminal=not mappings_in(pod, "metadata", "ownerReferences") or surroundings.has_failed_thrice(pod),
    )


def untouched_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """That a node has a pod and has not started it, as a busy one does: for what shows no other cause."""
    scheduled, ref = condition_of(pod, "PodScheduled"), pod_ref(pod)
    begun = moment(scheduled.get("lastTransitionTime"))
    if surroundings.simulated or _is_fine(pod) or scheduled.get("status") != "True":
        return
    if begun is None or surroundings.now is None or surroundings.now - begun < _USUAL_START:
        return
    if all(mapping_in(status, "state", "waiting") for status in mappings_in(pod, "status", "containerStatuses")):
        text = f"Pod {ref.namespace}/{ref.name} waits for its node to start it"
        yield Cause(kind=CauseKind.WARNING, of=of, object=ref, text=text)


def _volumes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """Mounts that fail for another reason than something missing."""
    if not _is_being_made(pod):
        return
    for event in reasons(surroundings.events_of(pod), "FailedMount", "FailedAttachVolume", "FailedMapVolume"):
        message = message_of(event)
        if re.search(r"not found|non-existent|timed out waiting for the condition|not registered$", message):
            continue
        volume = re.search(r'volume "([^"]+)"', message)
        words = message.partition(" : ")[2] or message
        words, fix = _judged_mount(words)
        yield Cause(
            kind=CauseKind.VOLUME,
            of=of,
            object=pod_ref(pod),
            text=f"volume {volume[1] if volume else ''} cannot be mounted: {words}",
            evidence=(message,),
            fix=fix,
            terminal=bool(fix),
        )
        return


def _judged_mount(words: str) -> tuple[str, str]:
    """What to say of a failed mount, and what to do if trying again does not help."""
    if "hostPath type check failed" in words:
        return words, "correct the hostPath or its type: the path is one on the node"
    kind = re.search(r"Mounting arguments: -t (\S+)", words)
    if kind and re.search(r"you might need a /sbin/mount\.|unknown filesystem type", words):
        text = f"the node has no program that mounts {kind[1]}"
        return text, f"use another type of volume, or a node image (cluster.image) with the programs of {kind[1]}"
    return words.partition(" Output: ")[2] or words, ""


def _sandbox(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    if not _is_being_made(pod):
        return
    for event in reasons(surroundings.events_of(pod), "FailedCreatePodSandBox"):
        message = message_of(event)
        yield Cause(
            kind=CauseKind.SANDBOX,
            of=of,
            object=pod_ref(pod),
            text=f"the node cannot set up Pod {pod_ref(pod).namespace}/{pod_ref(pod).name}: {message}",
            fix="name a RuntimeClass that the nodes have" if "no runtime for" in message else "",
            terminal="no runtime for" in message,
        )
        return


def _is_being_made(pod: Manifest) -> bool:
    statuses = (*mappings_in(pod, "status", "initContainerStatuses"), *mappings_in(pod, "status", "containerStatuses"))
    making = {"ContainerCreating", "PodInitializing"}
    states = [mapping_in(each, "state") for each in statuses]
    started = any(state.get("running") or state.get("terminated") for state in states)
    return not started and any(mapping_in(state, "waiting").get("reason") in making for state in states)


def _initialising(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    for status in mappings_in(pod, "status", "initContainerStatuses"):
        running = mapping_in(status, "state", "running")
        if running and not status.get("started"):
            text = f"init container {status.get('name')} runs{lasted(running.get('startedAt'), surroundings.now)}"
            yield Cause(kind=CauseKind.INIT_RUNNING, of=of, object=pod_ref(pod), text=text)


def _gates(pod: Manifest, of: ObjectRef) -> Iterator[Cause]:
    """Conditions that somebody else has to set before the pod counts as ready."""
    if condition_of(pod, "ContainersReady").get("status") != "True":
        return
    for gate in mappings_in(pod, "spec", "readinessGates"):
        kind = str(gate.get("conditionType"))
        if condition_of(pod, kind).get("status") != "True":
            text = f"Pod {pod_ref(pod).name} waits for its readiness gate {kind}"
            yield Cause(kind=CauseKind.CONDITION, of=of, object=pod_ref(pod), text=text)
