"""How live objects are, and what applying would change: against an API server in memory."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.kube.dry_run import KubeDifferences
from bootstrap.kube.health import KubeHealth
from bootstrap.model.kube import ObjectRef
from bootstrap.model.status import Health
from bootstrap.system.clock import CancelToken
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

SETTINGS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "web"},
    "data": {"a": "b"},
}
PATH = "/api/v1/namespaces/web/configmaps/c"


def ref(kind: str, name: str, api_version: str = "v1") -> ObjectRef:
    return ObjectRef(api_version=api_version, kind=kind, namespace=None, name=name)


def test_each_object_is_judged_where_it_lives(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    kube_api.objects[PATH] = SETTINGS
    kube_api.objects["/api/v1/namespaces/web/services/lb"] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lb", "namespace": "web"},
        "spec": {"type": "LoadBalancer"},
    }
    asked = [
        ref("ConfigMap", "c"),
        ref("ConfigMap", "gone"),
        ref("Service", "lb"),
        ref("Widget", "w", "example.dev/v1"),
    ]
    health = KubeHealth(FakeProcesses())
    states = health(asked, "web", kube_api.context(tmp_path), token)
    assert {object_ref.name: state for object_ref, state in states.items()} == {
        "c": (Health.UP, ""),
        "gone": (Health.DOWN, "not found"),
        "lb": (Health.NOT_READY, "no load balancer address yet"),
        "w": (Health.DOWN, "the cluster does not know its kind"),
    }
    simulated = health(asked[2:3], "web", kube_api.context(tmp_path, simulated=True), token)
    assert list(simulated.values()) == [(Health.SIMULATED, "nothing assigns load balancer addresses")]


def test_a_workload_that_is_ready_is_simulated_if_its_pods_are(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    path = "/apis/apps/v1/namespaces/web/deployments/d"
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    kube_api.objects[path] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "web", "generation": 1},
        "spec": {"replicas": 1},
        "status": status,
    }
    deployment, health = ref("Deployment", "d", "apps/v1"), KubeHealth(FakeProcesses())
    real, simulated = kube_api.context(tmp_path), kube_api.context(tmp_path, simulated=True)
    assert list(health([deployment], "web", real, token).values()) == [(Health.UP, "")]
    assert list(health([deployment], "web", simulated, token).values()) == [
        (Health.SIMULATED, "its pods are simulated")
    ]
    kube_api.objects[path]["status"] = {**status, "availableReplicas": 0}
    assert [state for state, _ in health([deployment], "web", simulated, token).values()] == [Health.NOT_READY]


def test_what_failed_for_good_is_down(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    kube_api.objects["/apis/batch/v1/namespaces/web/jobs/j"] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "web"},
        "spec": {},
        "status": {"conditions": [{"type": "Failed", "status": "True", "message": "too often"}]},
    }
    states = KubeHealth(FakeProcesses())([ref("Job", "j", "batch/v1")], "web", kube_api.context(tmp_path), token)
    ((health, text),) = states.values()
    assert health is Health.DOWN
    assert "too often" in text


@pytest.fixture
def differences() -> KubeDifferences:
    return KubeDifferences(FakeProcesses(), "mine")


def test_only_what_would_change_is_told_and_nothing_is_written(
    kube_api: FakeKubeApi, differences: KubeDifferences, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    labelled = {**SETTINGS["metadata"], "labels": {"bootstrap.dev/owner": "mine"}, "resourceVersion": "7"}
    kube_api.objects[PATH] = {**SETTINGS, "metadata": labelled}
    assert differences([SETTINGS], "default", "bootstrap", kube, token) == ()
    (difference,) = differences([{**SETTINGS, "data": {"a": "c"}}], "default", "bootstrap", kube, token)
    assert difference.before is not None
    assert (difference.before["data"], difference.after["data"], difference.refused) == ({"a": "b"}, {"a": "c"}, "")
    assert kube_api.objects[PATH]["data"] == {"a": "b"}


def test_what_is_new_or_of_an_unknown_kind_is_told_too(
    kube_api: FakeKubeApi, differences: KubeDifferences, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    homeless = {**SETTINGS, "metadata": {"name": "c"}}
    widget = {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": {"name": "w"}}
    new, unknown = differences([homeless, widget], "web", "helm", kube, token)
    assert (new.before, str(new.ref)) == (None, "ConfigMap web/c")
    assert unknown.after == widget
    assert unknown.refused


def test_what_the_api_server_refuses_is_said(
    kube_api: FakeKubeApi, differences: KubeDifferences, token: CancelToken, tmp_path: Path
) -> None:
    kube_api.fault = lambda method, _path: (422, {"message": "data is wrong"}) if method == "PATCH" else None
    (difference,) = differences([SETTINGS], "web", "helm", kube_api.context(tmp_path), token)
    assert difference.refused == "data is wrong"
