"""The probe of a fresh cluster's name service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.docker_nodes.name_service import quicken_probe
from bootstrap.kube.api import KubeApi
from bootstrap.kube.identity import Clusters
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.kube_api import FakeKubeApi, fake_kube_api
from fakes.processes import FakeProcesses

PATH = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"


@pytest.fixture
def server() -> Iterator[FakeKubeApi]:
    with fake_kube_api() as api:
        yield api


def _deployment(ready: int, *, probed: bool = True) -> dict[str, Any]:
    probe = {"readinessProbe": {"httpGet": {"path": "/ready"}}} if probed else {}
    containers = [{"name": "coredns", **probe}]
    return {"spec": {"template": {"spec": {"containers": containers}}}, "status": {"readyReplicas": ready}}


def _quicken(server: FakeKubeApi, folder: Path) -> None:
    cancel = CancelToken(SystemClock())
    api: KubeApi = Clusters(FakeProcesses()).api(server.context(folder), cancel)
    quicken_probe(api, cancel)


def test_it_is_asked_every_second(server: FakeKubeApi, tmp_path: Path) -> None:
    server.put(PATH, _deployment(0))
    _quicken(server, tmp_path)
    assert server.requests == [f"PATCH {PATH}"]
    assert server.objects[PATH]["spec"]["template"]["spec"]["containers"] == [
        {"name": "coredns", "readinessProbe": {"periodSeconds": 1}}
    ]


@pytest.mark.parametrize("there", [None, _deployment(1), _deployment(0, probed=False)])
def test_what_is_ready_or_not_there_is_left_alone(
    server: FakeKubeApi, tmp_path: Path, there: dict[str, Any] | None
) -> None:
    if there is not None:
        server.put(PATH, there)
    _quicken(server, tmp_path)
    assert server.requests == []
