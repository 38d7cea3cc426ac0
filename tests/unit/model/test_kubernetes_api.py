"""The table of what each Kubernetes version serves."""

import pytest

from bootstrap.model.kubernetes_api import is_namespaced, served_apis

POLICY = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"


@pytest.mark.parametrize(
    ("version", "served", "not_served"),
    [
        ("1.29", "flowcontrol.apiserver.k8s.io/v1beta3/FlowSchema", POLICY),
        ("1.30", POLICY, "networking.k8s.io/v1/ServiceCIDR"),
        ("v1.33.6", "networking.k8s.io/v1/ServiceCIDR", "resource.k8s.io/v1"),
        ("v1.34.4+k3s1", "resource.k8s.io/v1/DeviceClass", "flowcontrol.apiserver.k8s.io/v1beta3"),
        ("1.36.0", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy", "policy/v1beta1"),
    ],
)
def test_each_minor_version_serves_its_own(version: str, served: str, not_served: str) -> None:
    assert served in served_apis(version)
    assert not_served not in served_apis(version)


def test_a_version_outside_the_table_counts_as_the_nearest() -> None:
    assert served_apis("1.20") == served_apis("1.29")
    assert served_apis("1.99") == served_apis("1.36")


def test_kinds_with_and_without_a_namespace() -> None:
    assert is_namespaced("v1", "ConfigMap")
    assert is_namespaced("v1", "Node") is False
    assert is_namespaced("x.dev/v1", "Widget") is None
    assert is_namespaced("apps/v1", "Scale") is None
