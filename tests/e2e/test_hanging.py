"""`down` from a cluster that stays, where what is deleted stays: it ends in time, and says what holds it."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bootstrap.state.paths import cache_folder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

KWOK = "apiVersion: bootstrap.dev/v1\nkind: Stack\ncluster: {provider: kwok}\nemulator: false\n"
SHARED = """
apiVersion: bootstrap.dev/v1
kind: Stack
cluster: {{provider: existing, context: shared, uid: {uid}}}
emulator: false
source: {{root: ../flux, path: entry}}
"""
OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: web}
"""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A project with a stack on a cluster that others made: here, kwok's."""

    folder: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL_"))}
        own = {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
        }
        return subprocess.run(
            [sys.executable, "-m", "bootstrap", *words],
            cwd=self.folder,
            env={**kept, **own},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def done(self, *words: str) -> str:
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def kubectl(self, *words: str) -> str:
        return self.done("run", "--stack", "real", "--", "kubectl", *words)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    new_shared = Shared(folder=tmp_path_factory.mktemp("shared"))
    for name in ("stacks", "flux/entry"):
        (new_shared.folder / name).mkdir(parents=True)
    (new_shared.folder / "stacks" / "real.yaml").write_text(KWOK)
    (new_shared.folder / "flux" / "entry" / "objects.yaml").write_text(textwrap.dedent(OBJECTS))
    new_shared.done("up", "real")
    document = yaml.safe_load(Path(new_shared.done("kubeconfig", "real").strip()).read_text())
    document["contexts"][0]["name"] = document["current-context"] = "shared"
    (new_shared.folder / "kubeconfig").write_text(yaml.safe_dump(document))
    uid = new_shared.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").strip()
    (new_shared.folder / "stacks" / "dev.yaml").write_text(SHARED.format(uid=uid))
    yield new_shared
    new_shared.run("down", "real")


def test_down_names_what_holds_a_namespace_and_loses_nothing(shared: Shared) -> None:
    shared.done("up")
    patch = {"metadata": {"finalizers": ["example.dev/keep"]}}
    shared.kubectl("patch", "configmap", "held", "-n", "web", "--type", "merge", "-p", json.dumps(patch))
    ended = shared.run("down", "--timeout", "12s")
    assert ended.returncode == 5, ended.stderr
    assert "example.dev/keep" in ended.stderr
    assert "is not deleted" in ended.stderr
    # What hangs in Terminating is asked to go once more, and told again.
    again = shared.run("down", "--timeout", "12s")
    assert again.returncode == 5, again.stderr
    assert "example.dev/keep" in again.stderr
    free = {"metadata": {"finalizers": None}}
    shared.kubectl("patch", "configmap", "held", "-n", "web", "--type", "merge", "-p", json.dumps(free))
    shared.done("down")
    assert "web" not in shared.kubectl("get", "namespaces", "-o", "name")
    assert "dev" not in shared.done("status", "--all").split()
