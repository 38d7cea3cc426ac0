"""A digest of every object of a cluster that somebody made, by kind and name."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.kube.discovery import AGGREGATED, listed_resources
from bootstrap.system.clock import CancelToken

_REQUESTS = 8
_FORBIDDEN = frozenset({403, 404, 405})
_LEFT_OUT = frozenset(
    {"Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics", "NodeMetrics", "ControllerRevision"}
)
"""What controllers write all the time, and what follows from other objects."""
_VOLATILE = ("managedFields", "resourceVersion", "generation", "selfLink", "uid", "creationTimestamp")
_PODS = "Pod"


def object_digests(api: KubeApi, cancel: CancelToken) -> Mapping[str, str]:
    """By `Kind NAMESPACE/NAME`, or `Kind NAME`: a digest of the object without its status and what the server counts.

    Pods that a controller made are left out: it replaces them under other names.
    """
    documents = [api.get(path, cancel, headers=AGGREGATED) for path in ("/api", "/apis")]
    resources = [resource for document in documents for resource in listed_resources(document)]
    shown = {kind: path for kind, path in reversed(resources) if kind not in _LEFT_OUT}
    with ThreadPoolExecutor(max_workers=_REQUESTS, thread_name_prefix="list") as pool:
        listings = pool.map(lambda entry: list(_digests(api, entry[0], entry[1], cancel)), shown.items())
        return dict(entry for listing in listings for entry in listing)


def _digests(api: KubeApi, kind: str, path: str, cancel: CancelToken) -> Iterator[tuple[str, str]]:
    try:
        listed = api.get(path, cancel) or {}
    except ApiRefusedError as error:
        if error.answer.status in _FORBIDDEN:
            return
        raise
    for item in listed.get("items") or ():
        metadata = item["metadata"]
        if kind == _PODS and metadata.get("ownerReferences"):
            continue
        namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
        yield f"{kind} {namespace}{metadata['name']}", _digest(item)


def _digest(item: Mapping[str, Any]) -> str:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _VOLATILE}
    content = {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
