"""What goes wrong with releases, as a user sees it: the exit code, what, where and what to do; the others go on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.kwok.children import marked_processes
from bootstrap.config.state import cache_folder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: faulty\nversion: 0.1.0\n",
    "values.yaml": 'message: hello\nimpossible: false\nwaiting: false\nthing: ""\ndefinition: {}\n',
    "values.schema.json": '{"type": "object", "properties": {"message": {"type": "string"}}}',
    "templates/all.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {message: "{{ .Values.message }}"}
{{- with .Values.definition }}
---
{{ toJson . }}
{{- end }}
{{- with .Values.thing }}
---
apiVersion: example.com/{{ . }}
kind: Thing
metadata: {name: "{{ $.Release.Name }}"}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: "{{ .Release.Name }}", annotations: {helm.sh/hook: pre-install}}
spec:
  backoffLimit: 0
  {{- if .Values.impossible }}
  activeDeadlineSeconds: 1
  {{- end }}
  template:
    spec:
      restartPolicy: Never
      {{- if or .Values.impossible .Values.waiting }}
      nodeSelector: {no/such: machine}
      {{- end }}
      containers: [{name: hook, image: "example.invalid/hook:1"}]
""",
}
SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "repo", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "https://git.example.com/repo.git"},
}
NOWHERE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "nowhere", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "http://127.0.0.1:9"},
}
PART = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "releases", "namespace": "flux-system"},
    "spec": {
        "interval": "1h",
        "path": "./releases",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "repo"},
    },
}
STACK = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Stack",
    "metadata": {"name": "faults"},
    "cluster": {"provider": "kwok"},
    "emulator": False,
    "source": {"root": ".", "path": "entry"},
}
_SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
DEFINITION: Mapping[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": _SCHEMA},
            {"name": "v2", "served": True, "storage": False, "schema": _SCHEMA},
        ],
        "conversion": {
            "strategy": "Webhook",
            "webhook": {"clientConfig": {"url": "https://127.0.0.1:9/"}, "conversionReviewVersions": ["v1"]},
        },
    },
}
SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One `up`: how each step ended, and what was told of failures."""

    code: int
    steps: Mapping[str, str]
    told: str


@dataclass
class Project:
    """A repository with a chart, and a cluster that its stack runs on."""

    folder: Path

    def declare(self, **releases: Mapping[str, Any]) -> None:
        """The releases, by name, each with what its spec says beyond the usual."""
        for name, text in CHART.items():
            _write(self.folder / "chart" / name, text)
        wanted = {name: _release(name, spec) for name, spec in releases.items()}
        self._kustomization("releases", {**wanted, "nowhere": NOWHERE})
        self._kustomization("entry", {"source": SOURCE, "releases": PART})
        _write(self.folder / "stack.yaml", json.dumps(STACK))

    def start(self) -> "subprocess.Popen[str]":
        return self._start("up", str(self.folder / "stack.yaml"), "--events", str(self.folder / "events"))

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        with process:
            _, told = process.communicate(timeout=SECONDS)
        file = self.folder / "events"
        events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        file.unlink(missing_ok=True)
        steps = {one["step"]: one["status"] for one in events if one["type"] == "step_finished"}
        return Ended(code=process.returncode, steps=steps, told=told)

    def up(self) -> Ended:
        return self.end(self.start())

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """As somebody else would, before the stack comes."""
        _write(self.folder / "applied.json", json.dumps(manifest))
        self.inside("kubectl", "apply", "--server-side", "-f", str(self.folder / "applied.json"))

    def call(self, *arguments: str) -> str:
        with self._start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, stderr
        return stdout

    def inside(self, *command: str) -> str:
        return self.call("run", "--stack", str(self.folder / "stack.yaml"), "--", *command)

    def helm_that_installs(self, release: str) -> int:
        """The process, once its release is noted as pending."""
        until = time.monotonic() + SECONDS
        record = f"sh.helm.release.v1.{release}.v1"
        while time.monotonic() < until:
            pending = self.inside(
                "kubectl", "get", "secrets", "-n", release, "-l", "status=pending-install", "-o", "name"
            )
            found = _process_with(f"upgrade\0--install\0{release}\0", str(self.folder))
            if found is not None and record in pending:
                return found
        raise AssertionError(f"helm never began with {release}")

    @property
    def api_server(self) -> int:
        [stack] = (self.folder / "state" / "bootstrap").iterdir()
        [found] = [one.pid for name, one in marked_processes(str(stack / "cluster")) if name == "kube-apiserver"]
        return found

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        }
        return subprocess.Popen(
            (sys.executable, "-m", "bootstrap", *arguments),
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _kustomization(self, folder: str, objects: Mapping[str, object]) -> None:
        for name, one in objects.items():
            _write(self.folder / folder / f"{name}.yaml", json.dumps(one))
        resources = {"resources": [f"{name}.yaml" for name in objects]}
        _write(self.folder / folder / "kustomization.yaml", json.dumps(resources))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("faults"))
    made.declare()
    assert made.up().code == 0
    yield made
    made.call("down", str(made.folder / "stack.yaml"))


def test_a_chart_that_cannot_be_had(project: Project) -> None:
    source = {"kind": "HelmRepository", "name": "nowhere", "namespace": "flux-system"}
    missing = {"chart": {"spec": {"chart": "gone", "version": "1.2.3", "sourceRef": source}}}
    project.declare(absent=missing, beside1={})
    ended = project.up()
    assert ended.code == 1
    assert ended.steps["pull/absent/absent"] == "failed"
    assert ended.steps["release/absent/absent"] == "skipped"
    assert ended.steps["release/beside1/beside1"] == "done"
    assert "cannot pull chart gone 1.2.3 of http://127.0.0.1:9" in ended.told
    assert "Fix:   check address, name and version" in ended.told


def test_values_that_the_chart_refuses_are_told_first_and_the_others_go_on(project: Project) -> None:
    project.declare(typo={"values": {"message": 3}}, beside2={})
    ended = project.up()
    assert ended.code == 1
    assert (ended.steps["release/typo/typo"], ended.steps["release/beside2/beside2"]) == ("failed", "done")
    assert "release/typo/typo will fail" in ended.told, ended.told
    assert "chart faulty 0.1.0 of typo/typo cannot be rendered" in ended.told
    assert "Fix:   correct spec.values of typo/typo" in ended.told


def test_a_hook_that_fails(project: Project) -> None:
    project.declare(hooked={"values": {"impossible": True}}, beside3={})
    ended = project.up()
    assert ended.code == 1
    assert (ended.steps["release/hooked/hooked"], ended.steps["release/beside3/beside3"]) == ("failed", "done")
    assert "Job hooked/hooked" in ended.told
    assert "DeadlineExceeded" in ended.told
    assert "a hook of the chart failed" in ended.told


def test_a_name_that_someone_else_took(project: Project) -> None:
    project.inside("helm", "install", "taken", str(project.folder / "chart"), "-n", "taken", "--create-namespace")
    project.declare(taken={}, beside4={})
    ended = project.up()
    assert ended.code == 4
    assert (ended.steps["release/taken/taken"], ended.steps["release/beside4/beside4"]) == ("failed", "done")
    assert "release taken/taken is there and was not installed by this stack" in ended.told
    assert "helm uninstall taken --namespace taken" in ended.told


def test_a_conversion_webhook_that_does_not_answer(project: Project) -> None:
    project.apply(DEFINITION)
    project.declare(converted={"values": {"thing": "v2"}}, beside6={})
    ended = project.up()
    assert ended.code == 1
    assert (ended.steps["release/converted/converted"], ended.steps["release/beside6/beside6"]) == ("failed", "done")
    assert "Fix:   the conversion webhook of example.com/v2, Kind=Thing does not answer" in ended.told


def test_a_definition_that_cannot_be_changed_so(project: Project) -> None:
    """What is stored as v1 cannot be read any more once v1 is gone."""
    project.apply(DEFINITION)
    [_, newer] = DEFINITION["spec"]["versions"]
    spec = {**DEFINITION["spec"], "versions": [{**newer, "storage": True}]}
    project.declare(dropped={"values": {"definition": {**DEFINITION, "spec": spec}}}, beside7={})
    ended = project.up()
    assert ended.code == 1
    assert (ended.steps["crds/dropped/dropped"], ended.steps["release/dropped/dropped"]) == ("failed", "skipped")
    assert ended.steps["release/beside7/beside7"] == "done"
    assert "the API server rejects CustomResourceDefinition things.example.com" in ended.told
    assert "must remain in spec.versions" in ended.told
    assert "Fix:   objects may still be stored in that version" in ended.told


def test_helm_killed_in_the_middle(project: Project) -> None:
    project.declare(killed={"values": {"impossible": True}}, beside5={})
    running = project.start()
    os.kill(project.helm_that_installs("killed"), signal.SIGKILL)
    ended = project.end(running)
    assert ended.code == 1
    assert (ended.steps["release/killed/killed"], ended.steps["release/beside5/beside5"]) == ("failed", "done")
    assert "release killed/killed" in ended.told
    project.declare(killed={}, beside5={})
    again = project.up()
    assert (again.code, again.steps["release/killed/killed"]) == (0, "done")


def test_an_api_server_that_hangs(project: Project) -> None:
    project.declare(hung={"timeout": "15s", "values": {"waiting": True}})
    running = project.start()
    project.helm_that_installs("hung")
    server, began = project.api_server, time.monotonic()
    os.kill(server, signal.SIGSTOP)
    try:
        ended = project.end(running)
    finally:
        os.kill(server, signal.SIGCONT)
    assert time.monotonic() - began < 45
    assert (ended.code, ended.steps["release/hung/hung"]) == (1, "failed")
    assert "hung/hung" in ended.told
    assert "does not answer" in ended.told
    project.declare(hung={})
    assert project.up().code == 0


def _release(name: str, spec: Mapping[str, Any]) -> object:
    source = {"kind": "GitRepository", "name": "repo", "namespace": "flux-system"}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": name},
        "spec": {
            "interval": "1h",
            "timeout": "20s",
            "chart": {"spec": {"chart": "./chart", "sourceRef": source}},
            "install": {"createNamespace": True},
            **spec,
        },
    }


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _process_with(words: str, folder: str) -> int | None:
    """A process whose command line holds these words and names this folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            continue
        if words in line and folder in line:
            return int(process.name)
    return None
