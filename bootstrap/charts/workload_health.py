"""Which releases have workloads that are not ready right now, whatever was noted when they were installed."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from bootstrap.kube.api import KubeApi
from bootstrap.kube.readiness import judge
from bootstrap.model.kube import Manifest, ref_of
from bootstrap.system.clock import CancelToken

_API = "apps/v1"
_KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
_BY_HELM = quote("app.kubernetes.io/managed-by=Helm")
_RELEASE, _NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"


def unready_releases(api: KubeApi, cancel: CancelToken) -> Mapping[str, str]:
    """By NAMESPACE/RELEASE_NAME, the first workload that is not ready, and why."""
    reasons: dict[str, str] = {}
    for live in _workloads(api, cancel):
        judgement = judge(live)
        if not judgement.current:
            reasons.setdefault(_release_of(live), f"{ref_of(live)}: {judgement.reason}")
    return reasons


def _workloads(api: KubeApi, cancel: CancelToken) -> Iterator[Manifest]:
    for kind, plural in _KINDS.items():
        listed = api.get(f"/apis/{_API}/{plural}?labelSelector={_BY_HELM}", cancel) or {}
        # Items of a list carry neither kind nor apiVersion.
        yield from ({"apiVersion": _API, "kind": kind, **item} for item in listed.get("items") or ())


def _release_of(live: Manifest) -> str:
    annotations = live["metadata"].get("annotations") or {}
    return f"{annotations.get(_NAMESPACE)}/{annotations.get(_RELEASE)}"
