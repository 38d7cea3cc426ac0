"""Why the pods of a workload are not made: the API server refuses them."""

import re
from collections.abc import Iterator

from bootstrap.kube.causes.missing_references import Lack, missing_cause
from bootstrap.kube.causes.surroundings import Surroundings, condition_of, message_of, reasons
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in

_ABSENT = (
    (r'serviceaccounts? "([^"]+)" not found', "ServiceAccount"),
    (r"no PriorityClass with name (\S+) was found", "PriorityClass"),
    (r'RuntimeClass "([^"]+)" not found', "RuntimeClass"),
)
_FINAL = ("forbidden", "is invalid", "denied", "not found", "Unsupported value", "Invalid value")


def refusal_causes(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    """What the API server answers to the controller that makes the pods of this object; nothing once it has them."""
    message = _refusal(ref, live, surroundings)
    if not message:
        return
    words = re.sub(r"^(Error creating|create (Pod|Claim) .*? failed error): ", "", message)
    for pattern, kind in _ABSENT:
        if match := re.search(pattern, words):
            lack = Lack(kind=kind, name=match[1], words=words)
            yield missing_cause(lack, ref, ref, surroundings)
            return
    kind, text, fix = _judged(words, ref, surroundings)
    terminal = kind is not CauseKind.WEBHOOK and any(word in words for word in _FINAL)
    yield Cause(kind=kind, of=ref, object=ref, text=text, evidence=(words,), fix=fix, terminal=terminal)


def _refusal(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> str:
    if ref.kind == "Deployment":
        failures = [condition_of(replica_set, "ReplicaFailure") for replica_set in surroundings.replica_sets_of(live)]
        return next((message_of(condition) for condition in failures if condition.get("status") == "True"), "")
    failure = condition_of(live, "ReplicaFailure")
    if failure.get("status") == "True":
        return message_of(failure)
    if not _lacks_pods(ref, live, surroundings):
        return ""
    return next((message_of(event) for event in reasons(surroundings.events_of(live), "FailedCreate")), "")


def _lacks_pods(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> bool:
    spec, status, pods = mapping_in(live, "spec"), mapping_in(live, "status"), surroundings.pods_of(ref, live)
    match ref.kind:
        case "StatefulSet":
            return len(pods) < int(spec.get("replicas", 1) or 0)
        case "DaemonSet":
            return len(pods) < int(status.get("desiredNumberScheduled") or 0)
        case "Job":
            return not status.get("active") and not pods
        case _:
            return False


def _judged(words: str, ref: ObjectRef, surroundings: Surroundings) -> tuple[CauseKind, str, str]:
    """Kind, text and fix of a refusal."""
    what = f"the pods of {ref} are refused"
    names = {"kubectl": surroundings.kubectl, "namespace": ref.namespace, "kind": ref.kind.lower(), "name": ref.name}
    for kind, pattern, text, fix in _RULES:
        if match := re.search(pattern, words):
            return kind, what + text.format(*match.groups()), fix.format(*match.groups(), **names)
    raise AssertionError("the last rule holds for all")


_ALLOW = "{kubectl} label namespace {namespace} pod-security.kubernetes.io/enforce=privileged --overwrite"
_REGISTERED = "{kubectl} get validatingwebhookconfigurations,mutatingwebhookconfigurations"
_RULES = (
    (
        CauseKind.QUOTA,
        r"(?:exceeded quota|failed quota): ([^,:\s]+)[,:]\s*(.*)",
        ": quota {0}: {1}",
        "raise the quota or lower what the pods ask: {kubectl} -n {namespace} describe resourcequota {0}",
    ),
    (
        CauseKind.POD_SECURITY,
        r'violates PodSecurity "([^":]+)[^"]*": (.*)',
        ": Pod Security level {0}: {1}",
        f"set the securityContext that it names, or allow it: {_ALLOW}",
    ),
    (
        CauseKind.WEBHOOK,
        r'failed calling webhook "([^"]+)"',
        " because webhook {0} does not answer",
        "look at the pods behind it: {kubectl} get pods -A",
    ),
    (
        CauseKind.ADMISSION,
        r'admission webhook "([^"]+)" denied the request:? ?(.*)',
        " by webhook {0}: {1}",
        f"change the pods as the webhook requires; find it with: {_REGISTERED}",
    ),
    (
        CauseKind.ADMISSION,
        r"ValidatingAdmissionPolicy '([^']+)'.* denied request: (.*)",
        " by policy {0}: {1}",
        "change the pods as the policy requires: {kubectl} get validatingadmissionpolicy {0} -o yaml",
    ),
    (
        CauseKind.LIMITS,
        r"((?:maximum|minimum) \S+ usage per \w+ is .*|max limit to request ratio.*)",
        ": {0}",
        "keep within the namespace's limits: {kubectl} -n {namespace} describe limitrange",
    ),
    (
        CauseKind.REFUSED,
        r"(.*)",
        ": {0}",
        "correct the pod template: {kubectl} -n {namespace} get {kind} {name} -o yaml",
    ),
)
"""Kind, what the message holds, what to say after the object's name, what to do. The more special go first."""
