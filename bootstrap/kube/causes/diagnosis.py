"""From what surrounds objects that are not ready to the causes of that."""

from collections.abc import Iterator

from bootstrap.kube.causes.claims import claim_causes
from bootstrap.kube.causes.objects import namespace_causes, object_causes, warning_causes
from bootstrap.kube.causes.pods import pod_causes, untouched_causes
from bootstrap.kube.causes.refusals import refusal_causes
from bootstrap.kube.causes.scheduling import causes_of_node
from bootstrap.kube.causes.surroundings import Surroundings
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ObjectRef

_RANK = {kind: place for place, kind in enumerate(CauseKind)}


def find_causes(surroundings: Surroundings) -> tuple[Cause, ...]:
    """Why each object is not ready: what will not change by itself first, then the most significant.

    Several pods that fare alike give one cause.
    """
    causes_by_key: dict[tuple[CauseKind, ObjectRef, str], Cause] = {}
    for ref, live in surroundings.objects.items():
        for cause in _of_object(ref, live, surroundings):
            # The name of a pod is all that distinguishes replicas.
            key = (cause.kind, cause.of, cause.text.replace(cause.object.name, ""))
            if key not in causes_by_key or (cause.terminal and not causes_by_key[key].terminal):
                causes_by_key[key] = cause
    return tuple(sorted(causes_by_key.values(), key=lambda cause: (not cause.terminal, _RANK[cause.kind])))


def _of_object(ref: ObjectRef, live: Manifest | None, surroundings: Surroundings) -> Iterator[Cause]:
    yield from namespace_causes(ref, surroundings)
    if live is None:
        return
    causes = [*object_causes(ref, live, surroundings), *_of_what_it_makes(ref, live, surroundings)]
    causes = causes or [*warning_causes(ref, live, surroundings)]
    yield from causes or _untouched(ref, live, surroundings)


def _untouched(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    for pod in surroundings.pods_of(ref, live):
        yield from untouched_causes(pod, ref, surroundings)


def _of_what_it_makes(ref: ObjectRef, live: Manifest, surroundings: Surroundings) -> Iterator[Cause]:
    if (ref.group, ref.kind) == ("", "PersistentVolumeClaim"):
        yield from claim_causes(live, ref, surroundings, used=False)
    elif (ref.group, ref.kind) == ("", "Node"):
        yield from causes_of_node(live, ref, surroundings)
    else:
        yield from refusal_causes(ref, live, surroundings)
        for pod in surroundings.pods_of(ref, live):
            yield from pod_causes(pod, ref, surroundings)
