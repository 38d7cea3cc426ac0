"""The whole report of one object, from an API server in memory."""

from pathlib import Path
from typing import Any

from bootstrap.console.results.explain import explain_text
from bootstrap.kube.object_report import KubeReports
from bootstrap.model.kube import ObjectRef
from bootstrap.model.object_report import Explanation
from bootstrap.system.clock import CancelToken
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace=None, name="web")


def put_web(api: FakeKubeApi) -> None:
    def logs(method: str, path: str) -> tuple[int, Any] | None:
        return (200, "the log") if method == "GET" and path.endswith("/log") else None

    api.fault = logs
    web = api.put("/apis/apps/v1/namespaces/shop/deployments/web", {"apiVersion": "apps/v1", "kind": "Deployment"})
    owner = {"ownerReferences": [{"uid": web["metadata"]["uid"]}]}
    replicas = api.put("/apis/apps/v1/namespaces/shop/replicasets/web-1", {"metadata": owner})
    owner = {"ownerReferences": [{"uid": replicas["metadata"]["uid"]}]}
    crashed = {"exitCode": 3, "reason": "Error"}
    status = {
        "name": "main",
        "restartCount": 2,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
        "lastState": {"terminated": crashed},
    }
    ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "main"}
    pod = api.put(
        "/api/v1/namespaces/shop/pods/web-1-a",
        {"metadata": owner, "status": {"containerStatuses": [status], "conditions": [ready]}},
    )
    api.put(
        "/api/v1/namespaces/shop/events/e",
        {
            "involvedObject": {"uid": pod["metadata"]["uid"], "kind": "Pod", "name": "web-1-a"},
            "type": "Warning",
            "reason": "BackOff",
            "message": "Back-off restarting failed container",
            "lastTimestamp": "2026-01-02T03:04:05Z",
            "count": 7,
        },
    )


def test_conditions_events_logs_and_causes(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    put_web(kube_api)
    report = KubeReports(FakeProcesses())(WEB, "shop", kube_api.context(tmp_path), token)
    assert (str(report.object), report.ready, report.state) == (
        "Deployment shop/web",
        False,
        "not seen by its controller yet",
    )
    assert [cause.text for cause in report.causes] == ["container main ends with exit code 3, 3rd start"]
    assert report.conditions == (
        "Pod shop/web-1-a: Ready is False: ContainersNotReady: main",
        "Pod shop/web-1-a: container main is waiting: CrashLoopBackOff: back-off 20s, "
        "ended before with exit code 3 (Error), 2 restarts",
    )
    assert report.events == (
        "2026-01-02T03:04:05Z Warning Pod web-1-a: BackOff: Back-off restarting failed container (7 times)",
    )
    assert [(log.container, log.previous) for log in report.logs] == [("main", True), ("main", False)]
    text = explain_text(Explanation(reports=(report,)))
    assert text.startswith("Deployment shop/web: not seen by its controller yet\n  Cause: container main ends")
    assert "  Log of web-1-a/main, previous run:\n" in text


def test_what_is_not_there(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    report = KubeReports(FakeProcesses())(WEB, "shop", kube_api.context(tmp_path), token)
    assert (report.state, report.ready, report.there, report.causes) == ("not found", False, False, ())


def test_what_runs_nowhere_is_said_to_be_simulated(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    running = {"name": "main", "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}}}
    kube_api.put(
        "/api/v1/namespaces/shop/pods/web-1",
        {
            "metadata": {"name": "web-1", "namespace": "shop"},
            "status": {"containerStatuses": [running], "conditions": [{"type": "Ready", "status": "True"}]},
        },
    )
    pod = ObjectRef(api_version="v1", kind="Pod", namespace="shop", name="web-1")
    report = KubeReports(FakeProcesses())(pod, "shop", kube_api.context(tmp_path, simulated=True), token)
    assert report.conditions[-1].endswith("container main is simulated, nothing runs in it, since 2026-01-02T03:04:05Z")
    assert "its pods are simulated" in explain_text(Explanation(reports=(report,)))


def test_objects_are_found_by_kind_and_name_in_every_namespace(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    put_web(kube_api)
    find, kube = KubeReports(FakeProcesses()).find, kube_api.context(tmp_path)
    assert [str(ref) for ref in find("pods", "web-1-a", kube, token)] == ["Pod shop/web-1-a"]
    assert [str(ref) for ref in find("Deployment", "web", kube, token)] == ["Deployment shop/web"]
    assert find("Deployment", "nobody", kube, token) == []
