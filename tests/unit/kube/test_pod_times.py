"""The times of pods, as a cluster reports them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bootstrap.kube.pod_times import KubePodTimes, times_of
from bootstrap.model.kube import ObjectRef
from bootstrap.model.pod_times import PodTimes
from bootstrap.system.clock import CancelToken
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace=None, name="web")


def at(second: int) -> datetime:
    return datetime(2026, 1, 2, 10, 15, second, tzinfo=UTC)


def text(second: int) -> str:
    return f"2026-01-02T10:15:{second:02}Z"


def pod(name: str, owner: tuple[str, str], *, ready: bool = True, begun: bool = True) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": text(1),
            "ownerReferences": [{"kind": owner[0], "name": owner[1], "uid": owner[1]}],
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": text(2)},
                {"type": "Ready", "status": str(ready), "lastTransitionTime": text(9)},
            ],
            "containerStatuses": [
                {"name": "web", "restartCount": 1, "state": {"running": {"startedAt": text(7)}} if begun else {}},
                {"name": "side", "restartCount": 0, "state": {"running": {"startedAt": text(6)}}},
            ],
        },
    }


def pulled(second: int, message: str) -> dict[str, Any]:
    return {"reason": "Pulled", "firstTimestamp": text(second), "message": message}


def test_the_times_of_a_pod_come_from_its_conditions_containers_and_events() -> None:
    events = [
        pulled(5, 'Container image "side:1" already present on machine'),
        pulled(4, 'Successfully pulled image "web:1" in 1.234s (1.5s including waiting). Image size: 12 bytes.'),
        {"reason": "Scheduled", "firstTimestamp": text(8), "message": "of another kind"},
    ]
    assert times_of(pod("web-1", ("ReplicaSet", "web-5d")), events) == PodTimes(
        namespace="shop",
        name="web-1",
        node="node-1",
        created=at(1),
        scheduled=at(2),
        pulled=at(5),
        started=at(7),
        ready=at(9),
        restarts=1,
        pulls={"web:1": "1.234s", "side:1": "already present"},
    )


def test_a_pod_that_did_not_come_up_has_no_times_for_what_did_not_happen() -> None:
    times = times_of(pod("web-1", ("ReplicaSet", "web-5d"), ready=False, begun=False), [])
    assert (times.pulled, times.started, times.ready) == (None, None, None)


def put_pods(kube_api: FakeKubeApi) -> None:
    space = "/apis/apps/v1/namespaces/shop"
    owner = {"metadata": {"ownerReferences": [{"kind": "Deployment", "name": "web"}]}}
    kube_api.put(f"{space}/replicasets/web-5d", owner)
    kube_api.put("/api/v1/namespaces/shop/pods/web-1", pod("web-1", ("ReplicaSet", "web-5d")))
    kube_api.put("/api/v1/namespaces/shop/pods/other-1", pod("other-1", ("ReplicaSet", "other-7f")))


def test_only_the_pods_of_the_asked_objects_are_read(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    put_pods(kube_api)
    read = KubePodTimes(FakeProcesses())
    assert [each.name for each in read([WEB], "shop", kube_api.context(tmp_path), token)] == ["web-1"]


def test_simulated_pods_have_no_times(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    put_pods(kube_api)
    read = KubePodTimes(FakeProcesses())
    assert read([WEB], "shop", kube_api.context(tmp_path, simulated=True), token) == ()
