"""Charts and objects on a real API server, with each helm that must work."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.charts.charts import HelmCharts
from bootstrap.clusters.kwok.component_processes import marked_processes
from bootstrap.errors import BootstrapError, DeadlineError, InvalidError, RefusedError, StepFailedError
from bootstrap.kube.apply import KubeObjects
from bootstrap.model.kube import KubeContext
from bootstrap.model.release import Kustomization, LocalChart, Release
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, ProcessIdentity, SystemProcesses
from bootstrap.system.work import Work
from fakes.embedded import Embedded
from fakes.helms import HELMS, programs_with

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

EVERYTHING = Path(__file__).parent.parent / "data" / "charts" / "everything"
CRD = "customresourcedefinitions.apiextensions.k8s.io"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path_factory.mktemp("charts"))
    embedded.up()
    yield embedded
    embedded.delete()


@dataclass
class Stage:
    """One release of the chart on the cluster."""

    cluster: Embedded
    folder: Path
    helm: str
    said: list[str] = field(default_factory=list)
    children: list[ProcessIdentity] = field(default_factory=list)

    @property
    def kube(self) -> KubeContext:
        kube_context = self.cluster.provider.observe(self.token()).kube
        assert kube_context is not None
        return kube_context

    @property
    def charts(self) -> HelmCharts:
        return HelmCharts(
            programs=programs_with(self.helm),
            processes=SystemProcesses(SystemClock(), self._record),
            cache=self.folder / "cache",
            state=StatePaths(folder=self.folder / "state"),
            kube_version="1.34.4",
            mirrors={},
        )

    @property
    def release(self) -> Release:
        name = f"e{self.helm.replace('.', '')}"
        return Release(
            namespace="flux-system",
            name=name,
            release_name=name,
            target_namespace=name,
            chart=LocalChart(path=EVERYTHING),
            create_namespace=True,
            timeout=timedelta(seconds=60),
        )

    def token(self, seconds: float = 120) -> CancelToken:
        return CancelToken(SystemClock()).within(seconds, "the step")

    def up(self, *, seconds: float = 120, **changes: Any) -> str:
        """What `up` does with one release; `unchanged` where it does nothing."""
        token, kube, release = self.token(seconds), self.kube, replace(self.release, **changes)
        prepared = self.charts.prepare([release], token)[release.id]
        observed = self.charts.observe(kube, token).get(f"{release.target_namespace}/{release.release_name}")
        if observed is not None and (observed.status, observed.fingerprint) == ("deployed", prepared.fingerprint):
            return "unchanged"
        self.charts.apply_crds(prepared, kube, Work(token, self.said.append))
        return self.charts.install(prepared, kube, Work(token, self.said.append))

    def down(self) -> None:
        self.charts.uninstall(
            self.release.target_namespace, self.release.release_name, self.kube, Work(self.token(), self.said.append)
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        program = programs_with(self.helm).path("kubectl")
        argv = (str(program), "--kubeconfig", str(self.cluster.state.kubeconfig), *arguments)
        done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
        return str(done.stdout)

    def live(self, kind: str, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.kubectl("get", kind, name, "-n", self.release.target_namespace, "-o", "json", "--show-managed-fields")
        )
        return document

    def _record(self, identity: ProcessIdentity, _command: Command) -> None:
        self.children.append(identity)


@pytest.fixture(params=HELMS)
def stage(request: pytest.FixtureRequest, cluster: Embedded, tmp_path: Path) -> Iterator[Stage]:
    managed_field = Stage(cluster, tmp_path, request.param)
    yield managed_field
    managed_field.down()


@pytest.fixture
def own(cluster: Embedded, tmp_path: Path) -> Iterator[Stage]:
    """With the helm that is used by default."""
    new_stage = Stage(cluster, tmp_path, "own")
    yield new_stage
    new_stage.down()


def test_installed_unchanged_upgraded(stage: Stage) -> None:
    name = stage.release.release_name
    common = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    patch = [{"op": "add", "path": "/data/patched", "value": "yes"}]
    post = ({"patches": [{"target": {"kind": "ConfigMap"}, "patch": json.dumps(patch)}]},)
    changes: dict[str, Any] = {"common_metadata": common, "post_renderers": post}
    assert stage.up(**changes) == "installed, everything 0.1.0, 3 simulated"
    assert stage.up(**changes) == "unchanged"
    assert stage.up(**changes, values={"message": "new"}) == "upgraded, everything 0.1.0, 3 simulated"
    settings = stage.live("configmap", f"{name}-cm")
    assert settings["data"] == {"x": "new", "patched": "yes"}
    assert settings["metadata"]["labels"]["team"] == "a"
    assert settings["metadata"]["annotations"]["note"] == "b"
    # helm took over what was there before it came.
    definition = stage.live(CRD, "widgets.example.dev")["metadata"]
    assert definition["annotations"]["meta.helm.sh/release-name"] == name
    assert {new_stage["manager"] for new_stage in definition["managedFields"] if "subresource" not in new_stage} == {
        "helm"
    }
    # What pods would serve breaks discovery where there are none.
    assert name not in stage.kubectl("get", "apiservices", "-o", "name")


def test_killed_in_the_middle_then_installed(stage: Stage) -> None:
    running = threading.Thread(target=_until_killed, args=(stage,))
    running.start()
    command = ("get", "secrets", "-n", stage.release.target_namespace, "-l", "status=pending-install", "-o", "name")
    until = time.monotonic() + 60
    while not stage.kubectl(*command) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(stage.children[-1].pid, signal.SIGKILL)
    running.join()
    assert stage.kubectl(*command)
    assert stage.up().startswith("installed")
    assert "recovering: revision 1 is pending-install" in stage.said
    assert stage.up() == "unchanged"


def _until_killed(stage: Stage) -> None:
    with pytest.raises(BootstrapError):
        stage.up()


def test_hung_api_server_ends_within_the_deadline(own: Stage) -> None:
    own.up()
    prepared = own.charts.prepare([own.release], own.token())[own.release.id]
    kube = own.kube
    [server] = [
        process.pid for name, process in marked_processes(str(own.cluster.state.cluster)) if name == "kube-apiserver"
    ]
    os.kill(server, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(DeadlineError, match=r"the step was not done within 2s: .* does not answer"):
            own.charts.install(prepared, kube, Work(own.token(2), own.said.append))
        assert time.monotonic() - started < 10
    finally:
        os.kill(server, signal.SIGCONT)


def test_failing_hook_tells_why_and_the_next_try_installs(own: Stage) -> None:
    with pytest.raises(StepFailedError, match="helm could not install release eown/eown") as raised:
        own.up(values={"hook": {"impossible": True}})
    assert "DeadlineExceeded" in raised.value.what
    assert "logs job/eown-hook" in (raised.value.fix or "")
    assert own.up().startswith("installed")


def test_object_that_nobody_owns_is_taken_over_unless_the_release_forbids_it(own: Stage) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "eown-cm", "namespace": "eown"}}
    own.up()
    own.down()
    own.kubectl("create", "-f", "-", stdin=json.dumps(settings))
    with pytest.raises(StepFailedError) as raised:
        own.up(disable_take_ownership=True)
    assert "ConfigMap eown-cm already exists" in (raised.value.fix or "")
    own.up()
    assert own.live("configmap", "eown-cm")["metadata"]["annotations"]["meta.helm.sh/release-name"] == "eown"


def test_release_that_someone_else_installed(own: Stage) -> None:
    own.kubectl("create", "namespace", "foreign")
    labels = "owner=helm,name=eown,status=deployed,version=1"
    own.kubectl("create", "secret", "generic", "sh.helm.release.v1.eown.v1", "-n", "foreign")
    own.kubectl("label", "secret", "sh.helm.release.v1.eown.v1", "-n", "foreign", *labels.split(","))
    with pytest.raises(RefusedError, match="release foreign/eown exists and was not installed by this stack"):
        own.up(target_namespace="foreign")


def test_values_against_the_schema(own: Stage) -> None:
    with pytest.raises(StepFailedError) as raised:
        own.up(values={"message": 3})
    assert "correct spec.values" in (raised.value.fix or "")


def test_no_chart(own: Stage, tmp_path: Path) -> None:
    release = replace(own.release, chart=LocalChart(path=tmp_path))
    failure = own.charts.prepare([release], own.token())[release.id].failure
    assert isinstance(failure, InvalidError)
    assert "it has no Chart.yaml" in str(failure)


def test_objects_applied_found_and_pruned(cluster: Embedded, tmp_path: Path) -> None:
    stage = Stage(cluster, tmp_path, "own")
    objects, kube, token = KubeObjects(SystemProcesses(SystemClock()), "mine"), stage.kube, stage.token()
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "objects"}}
    labels = {"app": "web"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "objects"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
        },
    }
    part = Kustomization(namespace="flux-system", name="web", objects=(deployment, space), wait=True)
    assert objects.apply(part, "print", kube, Work(token, stage.said.append)) == "2 objects"
    entry = objects.inventory(kube, token)["flux-system/web"]
    assert entry.fingerprint == "print"
    assert not objects.look(entry.objects, kube, token).missing
    stage.kubectl("delete", "deployment", "web", "-n", "objects")
    assert [ref.kind for ref in objects.look(entry.objects, kube, token).missing] == ["Deployment"]
    objects.delete("flux-system/web", entry.objects, kube, Work(token, stage.said.append))
    assert objects.inventory(kube, token) == {}
    assert "objects" not in stage.kubectl("get", "namespaces", "-o", "name").split("/")
