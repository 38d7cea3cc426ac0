"""Why the containers of a pod are not running: how they ended, what they were refused, what their probes report."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bootstrap.kube.causes.images import image_cause
from bootstrap.kube.causes.surroundings import LogKey, Surroundings, lasted, message_of, moment, pod_ref, reasons
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, mappings_in

_PROVEN = timedelta(seconds=10)
"""Having run this long after it ended once, a container is taken at its word."""
THIRD_START = 2
"""Restarts of a container that began three times."""
_LOG_LINES = 20
_CODES = {
    126: " (its command cannot be executed)",
    127: " (its command is not found)",
    134: " (aborted)",
    137: " (killed)",
    139: " (segmentation fault)",
    143: " (asked to end)",
}
_CANNOT_START = frozenset({"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"})
_NO_PROGRAM = (
    "correct its command; a script needs an interpreter of the image in its first line, and no Windows line ends"
)
_SENTENCE = 120
"""Characters of a runtime's message that are said with the cause; a longer one is evidence alone."""


def container_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """What keeps each container of a pod, those of its start first."""
    for part, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for status in mappings_in(pod, "status", part):
            cause = _cause_of(pod, status, of, surroundings, init=init)
            if cause is not None:
                yield cause


def probe_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """What the probes of running containers were answered last."""
    for status in mappings_in(pod, "status", "containerStatuses"):
        name = str(status.get("name"))
        if status.get("ready") or not mapping_in(status, "state").get("running"):
            continue
        for event in reasons(surroundings.events_of(pod), "Unhealthy", "ProbeWarning"):
            field = str(mapping_in(event, "involvedObject").get("fieldPath") or "")
            if field in {"", f"spec.containers{{{name}}}"}:
                probe, _, answer = message_of(event).partition(" probe ")
                text = f"the {probe.lower()} probe of container {name} fails: {answer.partition(': ')[2] or answer}"
                fix = f"{surroundings.kubectl} -n {pod_ref(pod).namespace} logs {pod_ref(pod).name} -c {name}"
                fix = f"read its log: {fix}"
                yield Cause(kind=CauseKind.PROBE, of=of, object=pod_ref(pod), text=text, fix=fix)
                break


def has_just_restarted(surroundings: Surroundings) -> bool:
    """Whether a container of these pods has ended before and is not running for long yet."""
    for ref, live in surroundings.objects.items():
        for pod in surroundings.pods_of(ref, live) if live is not None else ():
            for status in mappings_in(pod, "status", "containerStatuses"):
                started = moment(_started(status))
                proven = started is not None and surroundings.now is not None and surroundings.now - started > _PROVEN
                if status.get("restartCount") and not proven:
                    return True
    return False


def logs_to_read(surroundings: Surroundings) -> frozenset[LogKey]:
    """The runs that ended badly, whose last lines show why."""
    keys: set[LogKey] = set()
    for ref, live in surroundings.objects.items():
        for pod in surroundings.pods_of(ref, live) if live is not None and not surroundings.simulated else ():
            for part in ("initContainerStatuses", "containerStatuses"):
                keys.update(key for status in mappings_in(pod, "status", part) if (key := _log_key(pod, status)))
    return frozenset(keys)


def _log_key(pod: Manifest, status: Manifest) -> LogKey | None:
    now, before = mapping_in(status, "state", "terminated"), mapping_in(status, "lastState", "terminated")
    restarts = int(status.get("restartCount") or 0)
    ended = now or before
    if not ended or (now and now.get("exitCode") == 0) or ended.get("reason") in _CANNOT_START:
        return None
    ref = pod_ref(pod)
    return LogKey(
        namespace=str(ref.namespace),
        pod=ref.name,
        container=str(status.get("name")),
        previous=not now and bool(mapping_in(status, "state").get("running")),
        restarts=restarts,
    )


def _cause_of(
    pod: Manifest, status: Manifest, of: ObjectRef, surroundings: Surroundings, *, init: bool
) -> Cause | None:
    if (cause := image_cause(pod, status, of, surroundings)) is not None:
        return cause
    waiting = mapping_in(status, "state", "waiting")
    if waiting.get("reason") == "CreateContainerConfigError":
        return _refused(pod, status, of, CauseKind.CONFIGURATION, waiting)
    if waiting.get("reason") in _CANNOT_START:
        return _refused(pod, status, of, CauseKind.START, waiting)
    ended = _bad_end(status, is_over_at_end=init or mapping_in(pod, "spec").get("restartPolicy", "Always") != "Always")
    if ended.get("reason") in _CANNOT_START:
        return _refused(pod, status, of, CauseKind.START, ended)
    return _ended(pod, status, ended, of, surroundings, init=init) if ended else None


def _bad_end(status: Manifest, *, is_over_at_end: bool) -> Manifest:
    """How the container ended, if that is what it waits for; empty if it is well or did what it had to do."""
    now = mapping_in(status, "state", "terminated")
    ended = now or mapping_in(status, "lastState", "terminated")
    over = ended.get("exitCode") == 0 and is_over_at_end
    return {} if over or status.get("ready") else ended


def _refused(pod: Manifest, status: Manifest, of: ObjectRef, kind: CauseKind, state: Manifest) -> Cause | None:
    message = message_of(state)
    if kind is CauseKind.CONFIGURATION and _names_what_is_missing(message):
        return None  # reported by `missing`, which knows who creates it
    name = status.get("name")
    command = re.search(r'exec: "?([^":]+)"?: (.*?)(?:: unknown)?$', message)
    text = f"container {name} cannot be started"
    fix = "correct the container's settings (securityContext, command, mounts)"
    if command:
        text = f"container {name} cannot be started: {command[1]}: {command[2]}"
        fix = f"correct its command: the image {status.get('image')} has no {command[1]} that can be executed"
    elif "runAsNonRoot" in message:
        text = f"container {name} cannot be started: it would run as root, which runAsNonRoot forbids"
        fix = "set securityContext.runAsUser to a number other than 0, or use an image whose USER is one"
    elif mount := re.search(r'error mounting "[^"]+" to rootfs at "([^"]+)": .*', message):
        text = f"container {name} cannot be started: its mount at {mount[1]} fails: {_reason_in(message)}"
        fix = "mount a folder at a folder and a file (subPath) at a file, at a path that the image allows"
    elif profile := re.search(r'cannot load seccomp profile "([^"]+)"', message):
        text = f"container {name} cannot be started: seccomp profile {profile[1]}: {_reason_in(message)}"
        fix = "use seccompProfile.type RuntimeDefault, or mount the profile into the nodes (cluster.mounts)"
    elif message:
        text = f"container {name} cannot be started: {_last_words(message)}"
    # The runtime may have been too busy once; a command or a setting does not become another.
    transient = any(words in message for words in ("context deadline exceeded", "is reserved for", "try again"))
    return Cause(
        kind=kind,
        of=of,
        object=pod_ref(pod),
        text=text,
        evidence=(message,) if message else (),
        fix=fix,
        terminal=not transient,
    )


def _reason_in(message: str) -> str:
    return message.removesuffix(": unknown").rpartition(": ")[2]


def _last_words(message: str) -> str:
    """The end of a runtime's chain of messages, which names the reason."""
    words = message.removesuffix(": unknown")
    while len(words) > _SENTENCE and ": " in words:
        words = words.partition(": ")[2]
    return words


def _names_what_is_missing(message: str) -> bool:
    return bool(re.search(r'(configmap|secret)s? "[^"]+" not found|couldn\'t find key', message, re.IGNORECASE))


def _ended(
    pod: Manifest, status: Manifest, ended: Manifest, of: ObjectRef, surroundings: Surroundings, *, init: bool
) -> Cause:
    ref, name, restarts = pod_ref(pod), str(status.get("name")), int(status.get("restartCount") or 0)
    runs = bool(mapping_in(status, "state").get("running"))
    log = surroundings.log(str(ref.namespace), ref.name, name)[-_LOG_LINES:]
    what = f"{'init container' if init else 'container'} {name}"
    if ended.get("reason") == "OOMKilled":
        text, fix = _out_of_memory(pod, name, what)
        kind, terminal = CauseKind.OUT_OF_MEMORY, not runs
    else:
        text, fix = _exit_text(pod, name, what, ended, surroundings)
        kind = CauseKind.INIT_FAILED if init else CauseKind.CRASH
        terminal = not runs and (restarts >= THIRD_START or _is_given_up(pod) or surroundings.has_failed_thrice(pod))
    started = f", {_ordinal(restarts + 1)} start{lasted(_started(status), surroundings.now) if runs else ''}"
    return Cause(
        kind=kind,
        of=of,
        object=ref,
        text=text + (started if restarts else ""),
        evidence=log or ((message_of(ended),) if message_of(ended) else ()),
        fix=fix,
        terminal=terminal,
    )


def _is_given_up(pod: Manifest) -> bool:
    """Whether nothing starts the container again, and nothing replaces the pod."""
    failed = mapping_in(pod, "status").get("phase") == "Failed"
    return failed and not mappings_in(pod, "metadata", "ownerReferences")


def _out_of_memory(pod: Manifest, name: str, what: str) -> tuple[str, str]:
    limit = mapping_in(_spec_of(pod, name), "resources", "limits").get("memory")
    if limit is None:
        return f"{what} was killed: the node ran out of memory", "give it a memory request, or the nodes more memory"
    text = f"{what} was killed: out of memory at its limit of {limit}"
    return text, f"raise resources.limits.memory of {name} above {limit}"


def _exit_text(pod: Manifest, name: str, what: str, ended: Manifest, surroundings: Surroundings) -> tuple[str, str]:
    ref, code = pod_ref(pod), ended.get("exitCode")
    look = f"{surroundings.kubectl} -n {ref.namespace} logs {ref.name} -c {name}{_previous(pod, name)}"
    if _fails_after_start(pod, name, surroundings):
        return (
            f"{what} is killed because its postStart hook fails",
            f"correct the command of lifecycle.postStart, or run it in the container's own command; its log: {look}",
        )
    if code == 0:
        return (
            f"{what} ends with exit code 0, but it must keep running",
            f"give it a command that does not end, or make it a Job; its log: {look}",
        )
    if liveness := _killed_by_probe(pod, name, surroundings):
        return (
            f"{what} is killed because its {liveness}",
            f"give the probe more time (initialDelaySeconds, failureThreshold) or correct it; its log: {look}",
        )
    if script := _not_executable(ref, name, surroundings):
        return (
            f"{what} cannot be started: exec {script[1]}: {script[2]}",
            f"{_NO_PROGRAM}; its log: {look}",
        )
    signal = f" by signal {ended['signal']}" if ended.get("signal") else ""
    return f"{what} ends with exit code {code}{_CODES.get(_number(code), '')}{signal}", f"its log shows why: {look}"


def _not_executable(pod: ObjectRef, name: str, surroundings: Surroundings) -> "re.Match[str] | None":
    """What the runtime printed instead of the program, if there was none to run."""
    log = surroundings.log(str(pod.namespace), pod.name, name)[-1:]
    words = r"exec (\S+): (no such file or directory|exec format error|permission denied)"
    return re.fullmatch(words, log[0]) if log else None


def _previous(pod: Manifest, name: str) -> str:
    """The option that reads the run before the present one, if there was one."""
    statuses = (*mappings_in(pod, "status", "initContainerStatuses"), *mappings_in(pod, "status", "containerStatuses"))
    status = next((each for each in statuses if each.get("name") == name), {})
    return " --previous" if mapping_in(status, "lastState").get("terminated") else ""


def _fails_after_start(pod: Manifest, name: str, surroundings: Surroundings) -> bool:
    field = f"{{{name}}}"
    failed = reasons(surroundings.events_of(pod), "FailedPostStartHook")
    return any(field in str(mapping_in(event, "involvedObject").get("fieldPath") or field) for event in failed)


def _killed_by_probe(pod: Manifest, name: str, surroundings: Surroundings) -> str:
    events = surroundings.events_of(pod)
    killed = any(f"ontainer {name} failed " in message_of(event) for event in reasons(events, "Killing"))
    for event in reasons(events, "Unhealthy") if killed else ():
        probe, _, answer = message_of(event).partition(" probe ")
        if probe in {"Liveness", "Startup"}:
            return f"{probe.lower()} probe {answer}"
    return ""


def _spec_of(pod: Manifest, name: str) -> Manifest:
    parts = (*mappings_in(pod, "spec", "initContainers"), *mappings_in(pod, "spec", "containers"))
    return next((part for part in parts if part.get("name") == name), {})


def _started(status: Manifest) -> Any:  # noqa: ANN401 - JSON
    return mapping_in(status, "state", "running").get("startedAt")


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in {11, 12, 13} else "th"
    return f"{number}{ending}"


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
