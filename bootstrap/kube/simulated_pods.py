"""What can never become ready where pods only exist in the API: it is shown, not waited for, and not faked."""

from bootstrap.model.kube import Manifest, ObjectRef

_SERVED = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""Groups of the API server and the controller manager, which are real everywhere."""


_WITH_PODS = frozenset(
    {
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
    }
)


def has_pods(ref: ObjectRef) -> bool:
    """Whether it is a pod, or makes pods: where these are simulated, its being ready means nothing more."""
    return (ref.group, ref.kind) in _WITH_PODS


def simulated_reason(manifest: Manifest) -> str | None:
    """Why nothing ever completes this object where pods are simulated; None when real controllers do."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    spec = manifest.get("spec") or {}
    if group and group not in _SERVED:
        return "its controller would run in a pod"
    if is_api_backend(manifest):
        return "the API it adds would be served by a pod"
    if (group, manifest.get("kind")) == ("", "Service") and spec.get("type") == "LoadBalancer":
        return "nothing assigns load balancer addresses"
    return None


def is_api_backend(manifest: Manifest) -> bool:
    """Whether it is an APIService that pods would serve: without them it breaks discovery and namespace deletion."""
    return manifest.get("kind") == "APIService" and bool((manifest.get("spec") or {}).get("service"))
