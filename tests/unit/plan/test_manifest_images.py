from typing import Any

from bootstrap.plan.pods import images_of


def workload(kind: str, *images: str, first: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    }
    if first:
        spec["initContainers"] = [{"name": "first", "image": first}]
    return {"apiVersion": "apps/v1", "kind": kind, "spec": {"template": {"spec": spec}}}


def test_each_image_once_those_that_run_first_first() -> None:
    manifests = [workload("Deployment", "web:1", "side:1", first="init:1"), workload("DaemonSet", "side:1", "agent:1")]
    assert images_of(manifests) == ("init:1", "web:1", "side:1", "agent:1")


def test_what_makes_no_pods_has_none() -> None:
    assert images_of([{"apiVersion": "v1", "kind": "ConfigMap"}, workload("Deployment")]) == ()


def test_what_only_a_chart_test_runs_is_left_out() -> None:
    probe = {**workload("Job", "curl:1"), "metadata": {"annotations": {"helm.sh/hook": "test, test-success"}}}
    setup = {**workload("Job", "setup:1"), "metadata": {"annotations": {"helm.sh/hook": "pre-install,test"}}}
    for pod in (probe, setup):
        pod["apiVersion"] = "batch/v1"
    assert images_of([probe, setup]) == ("setup:1",)
