"""Why an image cannot be pulled, in the registry's words as the kubelet passes them on."""

import re
from collections.abc import Iterator, Sequence

from bootstrap.kube.causes.surroundings import Surroundings, lasted, message_of, pod_ref, reasons, time_of
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in

PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})
_FIX_NAME = "correct the image's name and tag"
_FIX_LOCAL = "if it exists on this machine only, copy it with: bootstrap load {image}"

_NO_WAY = (
    r"no such host|connection refused|i/o timeout|network is unreachable|no route to host|connection reset"
    r"|TLS handshake|x509:|context deadline exceeded|server gave HTTP response to HTTPS client|dial tcp"
    r"|server misbehaving|503 Service Unavailable|RegistryUnavailable|EOF$"
)
_NO_RIGHT = (
    r"pull access denied|insufficient_scope|authorization failed|401 Unauthorized|403 Forbidden|unauthorized"
    r"|no basic auth credentials|authentication required|denied:"
)
_KINDS: Sequence[tuple[CauseKind, str, str, str]] = (
    (
        CauseKind.IMAGE_PLATFORM,
        r"no match for platform|no matching manifest|does not match the specified platform",
        "has no variant for the nodes' platform",
        "choose a tag that has one, or build it for this platform and run: bootstrap load {image}",
    ),
    (
        CauseKind.IMAGE_LIMITED,
        r"toomanyrequests|429 Too Many Requests|pull rate limit",
        "cannot be pulled: the registry's rate limit is reached",
        "log in with docker login, docker pull {image}, then run: bootstrap load {image}",
    ),
    (
        CauseKind.REGISTRY_UNREACHABLE,
        _NO_WAY,
        "cannot be pulled: its registry cannot be reached",
        "make the registry reachable from the nodes, or copy the image to them with: bootstrap load {image}",
    ),
    (
        CauseKind.IMAGE_DENIED,
        _NO_RIGHT,
        "cannot be pulled: access is denied, or there is no such repository",
        f"{_FIX_NAME}, or name an imagePullSecret that may read it; {_FIX_LOCAL}",
    ),
    (
        CauseKind.IMAGE_PULL,
        r"5\d\d (?:Internal Server Error|Bad Gateway|Gateway Timeout)",
        "cannot be pulled: its registry answers with an error of its own",
        "wait for the registry, or copy the image to the nodes with: bootstrap load {image}",
    ),
    (
        CauseKind.IMAGE_NOT_FOUND,
        r"not found|manifest unknown|NAME_UNKNOWN|MANIFEST_UNKNOWN|404 Not Found|NotFound",
        "is not found in its registry",
        f"{_FIX_NAME}; {_FIX_LOCAL}",
    ),
)
"""Kind, what the message holds, what to say, what to do. The more special go first."""


def image_cause(pod: Manifest, container: Manifest, of: ObjectRef, surroundings: Surroundings) -> Cause | None:
    """Why this waiting container has no image; None when its image is not what it waits for."""
    waiting = mapping_in(container, "state", "waiting")
    reason, message, image = str(waiting.get("reason")), message_of(waiting), str(container.get("image"))
    if reason == "InvalidImageName":
        return _invalid(pod, image, message, of)
    if reason == "ErrImageNeverPull":
        return _absent(pod, image, message, of)
    if reason not in PULL_REASONS:
        return None
    answer = _registry_words(pod, image, message, surroundings)
    kind, text, fix = _judged(answer)
    return Cause(
        kind=kind,
        of=of,
        object=pod_ref(pod),
        text=f"image {image} {text}",
        evidence=(answer,) if answer else (),
        fix=fix.format(image=image),
        terminal=not _is_pulling_again(pod, image, surroundings),
    )


def pulling_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """Pulls that are under way, with how long."""
    events = surroundings.events_of(pod)
    over = {_image_in(message_of(event)): time_of(event) for event in reversed([*reasons(events, "Pulled", "Failed")])}
    for event in reasons(events, "Pulling"):
        image = _image_in(message_of(event))
        if time_of(event) > over.get(image, "") or image not in over:
            since = lasted(event.get("lastTimestamp") or event.get("eventTime"), surroundings.now)
            text = f"pulling image {image}{since}"
            yield Cause(kind=CauseKind.PULLING, of=of, object=pod_ref(pod), text=text)


def _judged(message: str) -> tuple[CauseKind, str, str]:
    for kind, pattern, text, fix in _KINDS:
        if re.search(pattern, message, re.IGNORECASE):
            return kind, text, fix
    return CauseKind.IMAGE_PULL, "cannot be pulled", f"{_FIX_NAME}; {_FIX_LOCAL}"


def _registry_words(pod: Manifest, image: str, message: str, surroundings: Surroundings) -> str:
    """The newest words that name a reason: those of a back-off alone name none."""
    if message and not re.fullmatch(r'Back-off pulling image "[^"]*"', message):
        return message.partition("ErrImagePull: ")[2] or message
    failed = (message_of(event) for event in reasons(surroundings.events_of(pod), "Failed"))
    return next((words for words in failed if image in words and "rror" in words and ":" in words), message)


def _is_pulling_again(pod: Manifest, image: str, surroundings: Surroundings) -> bool:
    return any(f"image {image} " in f"{cause.text} " for cause in pulling_causes(pod, pod_ref(pod), surroundings))


def _invalid(pod: Manifest, image: str, message: str, of: ObjectRef) -> Cause:
    return Cause(
        kind=CauseKind.IMAGE_NAME,
        of=of,
        object=pod_ref(pod),
        text=f'"{image}" is not a valid image name',
        evidence=(message,) if message else (),
        fix="write it as [REGISTRY/]name[:TAG], all lower case and without a scheme",
        terminal=True,
    )


def _absent(pod: Manifest, image: str, message: str, of: ObjectRef) -> Cause:
    return Cause(
        kind=CauseKind.IMAGE_ABSENT,
        of=of,
        object=pod_ref(pod),
        text=f"image {image} is not on the node, and imagePullPolicy Never forbids pulling it",
        evidence=(message,) if message else (),
        fix=f"copy it to the nodes with: bootstrap load {image}",
        terminal=True,
    )


def _image_in(message: str) -> str:
    match = re.search(r'image "([^"]+)"', message)
    return match[1] if match else ""
