"""Why a pod has no node, and what is wrong with the nodes."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from bootstrap.kube.causes.missing_references import Lack, missing_cause
from bootstrap.kube.causes.surroundings import Surroundings, condition_of, core_ref, lasted, message_of, pod_ref
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, mappings_in

_PRESSURES = {"DiskPressure": "disk", "MemoryPressure": "memory", "PIDPressure": "process"}
_NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "-pressure")
_BEGINNING = timedelta(minutes=2)
_UNBOUND = "unbound immediate PersistentVolumeClaims"
_FIXES = (
    (
        r"Insufficient (\S+/\S+)",
        "leave resources.limits.{0} out, or install the device plugin that offers it on a node that has the device",
    ),
    (r"Insufficient (\S+)", "lower resources.requests.{0}, or give the cluster a node with more of it"),
    (r"didn't match Pod's node affinity/selector", "correct nodeSelector or affinity, or label a node accordingly"),
    (r"untolerated taint", "add a toleration for the taint, or a node without it"),
    (r"free ports", "free the hostPort, use a Service instead, or run fewer replicas"),
    (r"anti-affinity", "run fewer replicas than nodes, or prefer the anti-affinity instead of requiring it"),
    (r"topology spread", "allow whenUnsatisfiable: ScheduleAnyway, or add nodes"),
    (r"Too many pods", "add a node: the existing ones run as many pods as they are allowed to"),
    (r"volume node affinity conflict", "the volume is on another node: remove the claim, or let the pod go there"),
    (r"unschedulable", "a node is cordoned: kubectl uncordon NODE"),
)


def scheduling_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """Why no node takes this pod, in the scheduler's words."""
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return
    ref, message = pod_ref(pod), message_of(scheduled)
    if scheduled.get("reason") == "SchedulingGated":
        gates = ", ".join(str(gate.get("name")) for gate in mappings_in(pod, "spec", "schedulingGates"))
        text = f"Pod {ref.namespace}/{ref.name} is held back by its scheduling gates: {gates}"
        yield Cause(kind=CauseKind.GATED, of=of, object=ref, text=text)
        return
    if absent := re.search(r'persistentvolumeclaim "([^"]+)" not found', message):
        yield missing_cause(Lack(kind="PersistentVolumeClaim", name=absent[1], words=message), ref, of, surroundings)
        return
    reasons = _reasons(message)
    yield Cause(
        kind=CauseKind.UNSCHEDULABLE,
        of=of,
        object=ref,
        text=f"no node can run Pod {ref.namespace}/{ref.name}: {'; '.join(reasons) or message}",
        evidence=(message, *_room(reasons, pod, surroundings)),
        fix=_fix(message, surroundings),
        terminal=_is_final(message, surroundings),
    )


def node_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """What is wrong with the pod's node; with every node, if it has none yet."""
    name = mapping_in(pod, "spec").get("nodeName")
    nodes = [surroundings.node(str(name))] if name else list(surroundings.nodes)
    unwell = [cause for node in nodes if node is not None for cause in causes_of_node(node, of, surroundings)]
    # If one node is well, the scheduler reports itself why that one does not do.
    if name or len({cause.object for cause in unwell}) == len(nodes):
        yield from unwell


def causes_of_node(node: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """What a node's kubelet reports as wrong with it."""
    ref = core_ref("Node", node)
    look = f"look at it: {surroundings.kubectl} describe node {ref.name}"
    for kind, word in _PRESSURES.items():
        condition = condition_of(node, kind)
        if condition.get("status") == "True":
            room = "docker system prune" if word == "disk" else "end what uses it up"
            yield Cause(
                kind=CauseKind.NODE_PRESSURE,
                of=of,
                object=ref,
                text=f"node {ref.name} has {word} pressure: {message_of(condition)}",
                fix=f"make room ({room}); {look}",
                terminal=True,
            )
    ready = condition_of(node, "Ready")
    if ready.get("status") != "True":
        since = lasted(ready.get("lastTransitionTime"), surroundings.now)
        said = message_of(ready) or "its kubelet has not reported yet"
        text = f"node {ref.name} is not ready{since}: {said}"
        begins = _is_young(node, surroundings.now)
        yield Cause(kind=CauseKind.NODE_NOT_READY, of=of, object=ref, text=text, fix=look, terminal=not begins)


def _is_young(node: Manifest, now: datetime | None) -> bool:
    """Whether it was created a moment ago: it becomes Ready once its pod network is there."""
    created = str(mapping_in(node, "metadata").get("creationTimestamp") or "")
    return bool(created) and now is not None and now - datetime.fromisoformat(created) < _BEGINNING


def _reasons(message: str) -> list[str]:
    """`0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had …` as its parts, without the talk of preemption."""
    reasons = re.sub(r"^\d+/\d+ nodes are available:?\s*", "", message)
    reasons = re.split(r"\.?\s*(?:preemption:|no new claims to deallocate)", reasons)[0].rstrip(". ")
    return [part.strip() for part in re.split(r",\s+(?=\d)", reasons) if part.strip()]


def _room(reasons: list[str], pod: Manifest, surroundings: Surroundings) -> Iterator[str]:
    """What each node can give of what is short, and what the pod asks."""
    short = {match[1] for part in reasons if (match := re.search(r"Insufficient (\S+)", part))}
    containers = mappings_in(pod, "spec", "containers")
    for resource in sorted(short):
        asked = [
            str(requests)
            for each in containers
            if (requests := mapping_in(each, "resources", "requests").get(resource))
        ]
        room = [
            f"{core_ref('Node', node).name} {mapping_in(node, 'status', 'allocatable').get(resource, 0)}"
            for node in surroundings.nodes
        ]
        yield f"{resource}: the pod asks {' + '.join(asked) or '?'}; nodes have {', '.join(room)}"


def _is_final(message: str, surroundings: Surroundings) -> bool:
    """Whether nothing that is under way changes it: claims and nodes have causes of their own."""
    waits = _UNBOUND in message or any(taint in message for taint in _NODE_TAINTS) or "no nodes available" in message
    return not waits and not surroundings.frees_room()


def _fix(message: str, surroundings: Surroundings) -> str:
    for pattern, fix in _FIXES:
        if match := re.search(pattern, message):
            return fix.format(*(each.rstrip(".,") for each in match.groups())).replace("kubectl", surroundings.kubectl)
    return f"look at the nodes: {surroundings.kubectl} describe nodes"
