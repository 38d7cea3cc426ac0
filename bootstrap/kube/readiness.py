"""Whether one live object has become what its spec asks for, by the rules of kstatus (sigs.k8s.io/cli-utils)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bootstrap.model.kube import Manifest


class Readiness(StrEnum):
    """How far an object is."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    """It will not get there by itself."""
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """How far an object is, and why."""

    readiness: Readiness
    reason: str = ""

    @property
    def current(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.readiness is Readiness.CURRENT


CURRENT = Judgement(readiness=Readiness.CURRENT)
ABSENT = Judgement(readiness=Readiness.NOT_FOUND, reason="not found")
JOB_FAILURES = ("Failed", "FailureTarget")
"""Conditions of a Job that has failed; the second comes first, while its pods are still ending."""
Rule = Callable[[Manifest], Judgement]
"""Judges one live object."""


def judge(manifest: Manifest) -> Judgement:
    """How far this live object is, by the rules of its kind; kinds without rules go by their conditions."""
    metadata = manifest.get("metadata") or {}
    if metadata.get("deletionTimestamp"):
        return Judgement(readiness=Readiness.TERMINATING, reason="is being deleted")
    if (behind := _behind(manifest)) is not None:
        return behind
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    rule = _RULES.get((group, str(manifest.get("kind", ""))))
    return rule(manifest) if rule is not None else _by_conditions(manifest)


def serves(manifest: Manifest) -> Judgement:
    """As `judge`, but content with a Deployment that one replica serves: the others add nothing that is waited for."""
    if manifest.get("kind") != "Deployment" or _behind(manifest) is not None:
        return judge(manifest)
    return CURRENT if int(_status(manifest).get("availableReplicas") or 0) else _deployment(manifest)


def _behind(manifest: Manifest) -> Judgement | None:
    observed = _status(manifest).get("observedGeneration")
    generation = (manifest.get("metadata") or {}).get("generation")
    if observed is None or generation is None or observed >= generation:
        return None
    return _progress("its controller has not seen the newest spec")


def _deployment(manifest: Manifest) -> Judgement:
    status, replicas = _status(manifest), _replicas(manifest)
    progressing = _condition(manifest, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _failed(str(progressing.get("message") or "progress deadline exceeded"))
    if "observedGeneration" not in status:
        return _progress("not seen by its controller yet")
    updated, total, available = (
        int(status.get(key) or 0) for key in ("updatedReplicas", "replicas", "availableReplicas")
    )
    if updated < replicas:
        return _progress(f"{updated}/{replicas} replicas updated")
    if total > updated:
        return _progress(f"{total - updated} old replicas have not ended yet")
    if available < replicas:
        return _progress(f"{available}/{replicas} replicas available")
    return CURRENT


def _replica_set(manifest: Manifest) -> Judgement:
    status, replicas = _status(manifest), _replicas(manifest)
    failure = _condition(manifest, "ReplicaFailure")
    if failure.get("status") == "True":
        return _progress(str(failure.get("message") or "replica failure"))
    if "observedGeneration" not in status:
        return _progress("not seen by its controller yet")
    return _enough(int(status.get("availableReplicas") or 0), replicas, "replicas available")


def _stateful_set(manifest: Manifest) -> Judgement:
    status, spec, replicas = _status(manifest), _spec(manifest), _replicas(manifest)
    if "observedGeneration" not in status:
        return _progress("not seen by its controller yet")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return CURRENT
    ready = int(status.get("readyReplicas") or 0)
    if ready < replicas:
        return _progress(f"{ready}/{replicas} replicas ready")
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = int(status.get("updatedReplicas") or 0)
    if partition:
        return _enough(updated, max(replicas - partition, 0), "replicas updated")
    if status.get("updateRevision") and status.get("currentRevision") != status.get("updateRevision"):
        return _progress(f"{updated}/{replicas} replicas updated")
    return CURRENT


def _daemon_set(manifest: Manifest) -> Judgement:
    status = _status(manifest)
    if "observedGeneration" not in status:
        return _progress("not seen by its controller yet")
    desired = int(status.get("desiredNumberScheduled") or 0)
    if (_spec(manifest).get("updateStrategy") or {}).get("type") == "OnDelete":
        return CURRENT
    for key, word in (
        ("updatedNumberScheduled", "pods updated"),
        ("numberAvailable", "pods available"),
        ("numberReady", "pods ready"),
    ):
        if int(status.get(key) or 0) < desired:
            return _progress(f"{int(status.get(key) or 0)}/{desired} {word}")
    return (
        CURRENT if desired else Judgement(readiness=Readiness.CURRENT, reason="no node matches it, so it has no pods")
    )


def _job(manifest: Manifest) -> Judgement:
    """Flux waits for completion (kstatus itself is content with a started Job)."""
    for kind in JOB_FAILURES:
        failed = _condition(manifest, kind)
        if failed.get("status") == "True":
            return _failed(f"{failed.get('reason')}: {failed.get('message')}")
    if _condition(manifest, "Complete").get("status") == "True":
        return CURRENT
    if _spec(manifest).get("suspend"):
        return CURRENT
    status = _status(manifest)
    return _progress(f"{int(status.get('succeeded') or 0)}/{_spec(manifest).get('completions') or 1} completions")


def _pod(manifest: Manifest) -> Judgement:
    status = _status(manifest)
    phase = status.get("phase")
    if phase == "Succeeded":
        return CURRENT
    if phase == "Failed":
        return _failed(str(status.get("message") or status.get("reason") or "the pod failed"))
    if _condition(manifest, "Ready").get("status") == "True":
        return CURRENT
    return _progress(waiting_reason(manifest) or f"phase {phase or 'unknown'}")


def waiting_reason(pod: Manifest) -> str:
    """Why a pod's containers wait or ended badly, or why it is not scheduled; empty if nothing shows it."""
    status = _status(pod)
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        for word in ("waiting", "terminated"):
            details = state.get(word) or {}
            if details.get("reason") and details["reason"] not in {"ContainerCreating", "PodInitializing", "Completed"}:
                message = f" ({details['message']})" if details.get("message") else ""
                return f"{container.get('name')}: {details['reason']}{message}"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason')}: {scheduled.get('message')}"
    return ""


def _claim(manifest: Manifest) -> Judgement:
    phase = _status(manifest).get("phase")
    return CURRENT if phase == "Bound" else _progress(f"phase {phase or 'unknown'}")


def _service(manifest: Manifest) -> Judgement:
    if _spec(manifest).get("type") != "LoadBalancer" or (_status(manifest).get("loadBalancer") or {}).get("ingress"):
        return CURRENT
    return _progress("no load balancer address yet")


def _api_service(manifest: Manifest) -> Judgement:
    available = _condition(manifest, "Available")
    if available.get("status") == "True":
        return CURRENT
    return _progress(str(available.get("message") or "not Available yet"))


def _crd(manifest: Manifest) -> Judgement:
    names = _condition(manifest, "NamesAccepted")
    if names.get("status") == "False":
        return _failed(f"its names are already in use: {names.get('message')}")
    if _condition(manifest, "Established").get("status") == "True":
        return CURRENT
    return _progress("not Established yet")


def _disruption_budget(manifest: Manifest) -> Judgement:
    return CURRENT if "observedGeneration" in _status(manifest) else _progress("not seen by its controller yet")


def _always(_manifest: Manifest) -> Judgement:
    return CURRENT


def _by_conditions(manifest: Manifest) -> Judgement:
    stalled = _condition(manifest, "Stalled")
    if stalled.get("status") == "True":
        return _failed(_text_of(stalled))
    reconciling = _condition(manifest, "Reconciling")
    if reconciling.get("status") == "True":
        return _progress(_text_of(reconciling))
    ready = _condition(manifest, "Ready")
    if ready and ready.get("status") != "True":
        return _progress(_text_of(ready))
    return CURRENT


def _text_of(condition: Mapping[str, Any]) -> str:
    parts = (condition.get("reason"), condition.get("message"))
    return ": ".join(str(part) for part in parts if part) or f"{condition.get('type')} is {condition.get('status')}"


def _enough(count: int, total: int, word: str) -> Judgement:
    return CURRENT if count >= total else _progress(f"{count}/{total} {word}")


def _replicas(manifest: Manifest) -> int:
    replicas = _spec(manifest).get("replicas")
    return 1 if replicas is None else int(replicas)


def _progress(reason: str) -> Judgement:
    return Judgement(readiness=Readiness.IN_PROGRESS, reason=reason)


def _failed(reason: str) -> Judgement:
    return Judgement(readiness=Readiness.FAILED, reason=reason)


def _spec(manifest: Manifest) -> Mapping[str, Any]:
    return manifest.get("spec") or {}


def _status(manifest: Manifest) -> Mapping[str, Any]:
    return manifest.get("status") or {}


def _condition(manifest: Manifest, kind: str) -> Mapping[str, Any]:
    conditions = _status(manifest).get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, Mapping) and condition.get("type") == kind:
            return condition
    return {}


_RULES: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _always,
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _replica_set,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
}
