"""Says why objects are not ready: pods' own reasons first, then the newest warnings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.readiness import Judgement, judge, waiting_reason
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.system.clock import CancelToken

EVIDENCE_LINES = 5
_SECONDS = 5.0


def diagnose(
    unready: Mapping[ObjectRef, Judgement], live: Mapping[ObjectRef, Manifest | None], api: KubeApi, cancel: CancelToken
) -> tuple[str, ...]:
    """At most five lines of evidence, the most telling first; asks the cluster for a few seconds at most.

    It is called when a deadline has passed, hence has a short one of its own.
    """
    # Pods and warnings name causes; the objects' own counts fill up what is left.
    within = CancelToken(cancel.clock).within(_SECONDS, "the diagnosis")
    own = [f"{ref}: {judgement.reason}" for ref, judgement in unready.items()]
    causes: list[str] = []
    try:
        for ref in unready:
            causes.extend(_causes(ref, live.get(ref), api, within))
    except BootstrapError as error:
        causes.append(f"the cluster could not be asked for more: {error.what}")
    lines = dict.fromkeys((*own[: max(1, EVIDENCE_LINES - len(set(causes)))], *causes, *own))
    return tuple(lines)[:EVIDENCE_LINES]


def _causes(ref: ObjectRef, live: Manifest | None, api: KubeApi, cancel: CancelToken) -> Iterator[str]:
    if live is None or ref.namespace is None:
        return
    names = [ref.name]
    for pod in _pods(live, ref.namespace, api, cancel):
        if judge(pod).current:
            continue
        names.append(pod["metadata"]["name"])
        if reason := waiting_reason(pod):
            yield f"Pod {pod['metadata']['name']}: {reason}"
    yield from _warnings(ref.namespace, names, api, cancel)


def _pods(live: Manifest, namespace: str, api: KubeApi, cancel: CancelToken) -> Iterable[Manifest]:
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not isinstance(labels, dict) or not labels:
        return ()
    selector = quote(",".join(f"{key}={value}" for key, value in labels.items()))
    listed = api.get(f"/api/v1/namespaces/{quote(namespace)}/pods?labelSelector={selector}", cancel)
    return (listed or {}).get("items") or ()


def _warnings(namespace: str, names: list[str], api: KubeApi, cancel: CancelToken) -> Iterator[str]:
    path = f"/api/v1/namespaces/{quote(namespace)}/events?fieldSelector={quote('type=Warning')}"
    events: list[Mapping[str, Any]] = (api.get(path, cancel) or {}).get("items") or []
    for event in sorted(events, key=_when, reverse=True):
        involved = event.get("involvedObject") or {}
        # A Deployment's ReplicaSets and pods begin with its name.
        if any(str(involved.get("name", "")).startswith(name) for name in names):
            message = " ".join(str(event.get("message", "")).split())
            yield f"{involved.get('kind')} {involved.get('name')}: {event.get('reason')}: {message}"


def _when(event: Mapping[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")
