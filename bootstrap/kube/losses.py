"""What goes with a cluster and is nobody's declaration: counted, of the kinds that Kubernetes has itself."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bootstrap.kube.api import KubeApi
from bootstrap.kube.inventory import NAMESPACE as INVENTORY_NAMESPACE
from bootstrap.model import labels
from bootstrap.model.count import counted
from bootstrap.system.clock import CancelToken

_CLAIMS = "/api/v1/persistentvolumeclaims"
_LISTED = (
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/services",
    "/api/v1/pods",
    _CLAIMS,
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/networking.k8s.io/v1/ingresses",
)
_SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage", INVENTORY_NAMESPACE})
_BROUGHT = frozenset({("default", "kubernetes")})
"""Every cluster comes with it."""
_ROOT = "kube-root-ca.crt"
_MADE_BY_PROGRAMS = frozenset({"helm.sh/release.v1", "bootstrap.kubernetes.io/token"})
_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"


def cluster_losses(api: KubeApi, owner: str, releases: Collection[str], cancel: CancelToken) -> tuple[str, ...]:
    """`3 namespaces`, `12 objects`, `2 volumes`: what is not of stack `owner`, and every volume; what is 0 is left out.

    `releases`: NAMESPACE/NAME of those that the stack installed. Custom resources are not counted.
    """
    spaces = [space for space in _items(api, "/api/v1/namespaces", cancel) if _is_foreign_space(space, owner)]
    listed = {path: _items(api, path, cancel) for path in _LISTED}
    objects = [item for items in listed.values() for item in items if _is_foreign(item, owner, releases)]
    counts = (
        (len(spaces), "namespace", " that nobody declares"),
        (len(objects), "object", " that nobody declares"),
        (
            len(listed[_CLAIMS]),
            "volume",
            " with what is in it" if len(listed[_CLAIMS]) == 1 else " with what is in them",
        ),
    )
    return tuple(f"{counted(count, word)}{rest}" for count, word, rest in counts if count)


def _items(api: KubeApi, path: str, cancel: CancelToken) -> list[Mapping[str, Any]]:
    return list((api.get(path, cancel) or {}).get("items") or ())


def _is_foreign_space(space: Mapping[str, Any], owner: str) -> bool:
    metadata = space["metadata"]
    return metadata["name"] not in {*_SYSTEM, "default"} and (metadata.get("labels") or {}).get(labels.OWNER) != owner


def _is_foreign(item: Mapping[str, Any], owner: str, releases: Collection[str]) -> bool:
    metadata = item["metadata"]
    if metadata["namespace"] in _SYSTEM or metadata.get("ownerReferences") or metadata["name"] == _ROOT:
        return False
    if (metadata["namespace"], metadata["name"]) in _BROUGHT or item.get("type") in _MADE_BY_PROGRAMS:
        return False
    given = metadata.get("labels") or {}
    return given.get(labels.OWNER) != owner and not set(_releases_of(metadata)) & set(releases)


def _releases_of(metadata: Mapping[str, Any]) -> Iterator[str]:
    notes = metadata.get("annotations") or {}
    if _RELEASE in notes:
        yield f"{notes.get(_RELEASE_NAMESPACE, metadata['namespace'])}/{notes[_RELEASE]}"
