from pathlib import Path
from typing import Any

from bootstrap.charts.workload_health import unready_releases
from bootstrap.kube.identity import Clusters
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from fakes.kube_api import FakeKubeApi


def deployment(available: int, *, release: str = "web", managed_by: str = "Helm") -> dict[str, Any]:
    counts = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": available}
    return {
        "metadata": {
            "generation": 1,
            "labels": {"app.kubernetes.io/managed-by": managed_by},
            "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "apps"},
        },
        "status": {"observedGeneration": 1, **counts},
    }


def test_releases_whose_workloads_are_not_ready_now(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    home = "/apis/apps/v1/namespaces/apps/deployments"
    kube_api.put(f"{home}/up", deployment(1, release="fine"))
    kube_api.put(f"{home}/front", deployment(0))
    kube_api.put(f"{home}/other", deployment(0, managed_by="someone"))
    api = Clusters(SystemProcesses(SystemClock())).api(kube_api.context(tmp_path), token)
    assert unready_releases(api, token) == {"apps/web": "Deployment apps/front: 0/1 replicas available"}
