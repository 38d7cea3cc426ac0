"""What goes wrong with releases, as a user sees it: the exit code, what, where and what to do; the others go on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.kwok.component_processes import marked_processes
from bootstrap.state.paths import cache_folder
from fakes.releases import ENTRY, Ended, ended, release, write_releases

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
NOWHERE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "nowhere", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "http://127.0.0.1:9"},
}
STACK = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Stack",
    "metadata": {"name": "faults"},
    "cluster": {"provider": "kwok"},
    "emulator": False,
    "source": {"root": ".", "path": ENTRY},
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


@dataclass
class Project:
    """A repository with a chart, and a cluster that its stack runs on."""

    folder: Path

    def declare(self, **releases: Mapping[str, Any]) -> None:
        """The releases, by name, each with what its spec says beyond the usual."""
        for name, text in CHART.items():
            _write(self.folder / "chart" / name, text)
        manifests = {name: release(name, "./chart", spec) for name, spec in releases.items()}
        write_releases(self.folder, {**manifests, "nowhere": NOWHERE})
        _write(self.folder / "stack.yaml", json.dumps(STACK))

    def start(self) -> "subprocess.Popen[str]":
        return self._start("up", str(self.folder / "stack.yaml"), "--events", str(self.folder / "events"))

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        with process:
            _, output = process.communicate(timeout=SECONDS)
        return ended(process.returncode, self.folder / "events", output)

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
            pid = _process_with(f"upgrade\0--install\0{release}\0", str(self.folder))
            if pid is not None and record in pending:
                return pid
        raise AssertionError(f"helm never began with {release}")

    @property
    def api_server(self) -> int:
        [stack] = (self.folder / "state" / "bootstrap").iterdir()
        [pid] = [process.pid for name, process in marked_processes(str(stack / "cluster")) if name == "kube-apiserver"]
        return pid

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    new_project = Project(tmp_path_factory.mktemp("faults"))
    new_project.declare()
    assert new_project.up().code == 0
    yield new_project
    new_project.call("down", str(new_project.folder / "stack.yaml"))


def test_a_chart_that_cannot_be_had(project: Project) -> None:
    source = {"kind": "HelmRepository", "name": "nowhere", "namespace": "flux-system"}
    missing = {"chart": {"spec": {"chart": "gone", "version": "1.2.3", "sourceRef": source}}}
    project.declare(absent=missing, beside1={})
    seen = project.up()
    assert seen.code == 1
    assert seen.steps["pull/absent/absent"] == "failed"
    assert seen.steps["release/absent/absent"] == "skipped"
    assert seen.steps["release/beside1/beside1"] == "done"
    assert "cannot pull chart gone 1.2.3 of http://127.0.0.1:9" in seen.output
    assert "Fix:   check address, name and version" in seen.output


def test_values_that_the_chart_refuses_are_told_first_and_the_others_go_on(project: Project) -> None:
    project.declare(typo={"values": {"message": 3}}, beside2={})
    seen = project.up()
    assert seen.code == 1
    assert (seen.steps["release/typo/typo"], seen.steps["release/beside2/beside2"]) == ("failed", "done")
    assert "release/typo/typo will fail" in seen.output, seen.output
    assert "chart faulty 0.1.0 of typo/typo cannot be rendered" in seen.output
    assert "Fix:   correct spec.values of typo/typo" in seen.output


def test_a_hook_that_fails(project: Project) -> None:
    project.declare(hooked={"values": {"impossible": True}}, beside3={})
    seen = project.up()
    assert seen.code == 1
    assert (seen.steps["release/hooked/hooked"], seen.steps["release/beside3/beside3"]) == ("failed", "done")
    assert "Job hooked/hooked" in seen.output
    assert "DeadlineExceeded" in seen.output
    assert re.search(
        r"Fix:   raise its activeDeadlineSeconds, or see in its log what takes so long: kubectl .* logs job/\S+",
        seen.output,
    ), seen.output


def test_a_name_that_someone_else_took(project: Project) -> None:
    project.inside("helm", "install", "taken", str(project.folder / "chart"), "-n", "taken", "--create-namespace")
    project.declare(taken={}, beside4={})
    seen = project.up()
    assert seen.code == 4
    assert (seen.steps["release/taken/taken"], seen.steps["release/beside4/beside4"]) == ("failed", "done")
    assert "release taken/taken exists and was not installed by this stack" in seen.output
    assert "helm uninstall taken --namespace taken" in seen.output


def test_a_conversion_webhook_that_does_not_answer(project: Project) -> None:
    project.apply(DEFINITION)
    project.declare(converted={"values": {"thing": "v2"}}, beside6={})
    seen = project.up()
    assert seen.code == 1
    assert (seen.steps["release/converted/converted"], seen.steps["release/beside6/beside6"]) == ("failed", "done")
    assert "Fix:   the conversion webhook of example.com/v2, Kind=Thing does not answer" in seen.output


def test_a_definition_that_cannot_be_changed_so(project: Project) -> None:
    """What is stored as v1 cannot be read any more once v1 is gone."""
    project.apply(DEFINITION)
    [_, newer] = DEFINITION["spec"]["versions"]
    spec = {**DEFINITION["spec"], "versions": [{**newer, "storage": True}]}
    project.declare(dropped={"values": {"definition": {**DEFINITION, "spec": spec}}}, beside7={})
    seen = project.up()
    assert seen.code == 1
    assert (seen.steps["crds/dropped/dropped"], seen.steps["release/dropped/dropped"]) == ("failed", "skipped")
    assert seen.steps["release/beside7/beside7"] == "done"
    assert "the API server rejects CustomResourceDefinition things.example.com" in seen.output
    assert "must remain in spec.versions" in seen.output
    assert "Fix:   objects may still be stored in that version" in seen.output


def test_helm_killed_in_the_middle(project: Project) -> None:
    project.declare(killed={"values": {"impossible": True}}, beside5={})
    running = project.start()
    os.kill(project.helm_that_installs("killed"), signal.SIGKILL)
    seen = project.end(running)
    assert seen.code == 1
    assert (seen.steps["release/killed/killed"], seen.steps["release/beside5/beside5"]) == ("failed", "done")
    assert "release killed/killed" in seen.output
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
        seen = project.end(running)
    finally:
        os.kill(server, signal.SIGCONT)
    assert time.monotonic() - began < 45
    assert (seen.code, seen.steps["release/hung/hung"]) == (1, "failed")
    assert "hung/hung" in seen.output
    assert "does not answer" in seen.output
    project.declare(hung={})
    assert project.up().code == 0


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
