import pytest

from bootstrap.kube.simulated_pods import is_api_backend, simulated_reason
from bootstrap.model.kube import Manifest


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}, "its controller would run in a pod"),
        ({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}, "its controller would run in a pod"),
        (
            {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer"}},
            "nothing assigns load balancer addresses",
        ),
        (
            {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": {"service": {"name": "m"}}},
            "the API it adds would be served by a pod",
        ),
    ],
)
def test_never_completed(manifest: Manifest, reason: str) -> None:
    assert simulated_reason(manifest) == reason


@pytest.mark.parametrize(
    "manifest",
    [
        {"apiVersion": "apps/v1", "kind": "Deployment"},
        {"apiVersion": "batch/v1", "kind": "Job"},
        {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "v1", "kind": "Service", "spec": {"type": "NodePort"}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"},
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": {}},
    ],
)
def test_completed_by_what_is_real(manifest: Manifest) -> None:
    assert simulated_reason(manifest) is None
    assert not is_api_backend(manifest)
