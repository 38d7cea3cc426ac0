"""A stack on kind with its emulator in a container, as a user would run it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.config.state import cache_folder
from bootstrap.containers.engine import connect
from bootstrap.emulators.sockets import free_port
from fakes.docker import require

pytestmark = pytest.mark.docker

NODE = os.environ.get("BOOTSTRAP_TEST_KIND_IMAGE", "bootstrap-rig/node:v1.34.4")
EMULATOR = os.environ.get("BOOTSTRAP_TEST_EMULATOR_IMAGE", "bootstrap-rig/ministack:1.5.33")
NAME = f"rig-e2e-{os.getpid()}"
READS = """
import urllib.request
print(urllib.request.urlopen("http://localstack.localstack.svc:4566/artefacts/greeting", timeout=10).read().decode())
"""
STACK = """
apiVersion: bootstrap.dev/v1
kind: Stack
metadata: {{name: {name}}}
cluster:
  provider: kind
  image: {node}
  ports: {{http: {http}, https: {https}}}
emulator: {{image: "{emulator}"}}
seeds: [seeds.yaml]
"""
SEEDS = """
apiVersion: bootstrap.dev/v1
kind: Seeds
s3:
  artefacts:
    objects: {greeting: hello from the emulator}
"""


@dataclass
class Project:
    """A folder with one stack in it, and a user's own corner."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_", "DOCKER_"))}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        }

    def run(self, *argv: str, stdin: str | None = None) -> str:
        ended = subprocess.run(
            argv, cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout + ended.stderr

    def bootstrap(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "bootstrap", *arguments)

    def in_cluster(self, *arguments: str, stdin: str | None = None) -> str:
        file = next((self.folder / "state").rglob("kubeconfig"))
        return self.run("kubectl", "--kubeconfig", str(file), *arguments, stdin=stdin)

    def on_engine(self) -> list[str]:
        """Everything of this stack that the engine holds."""
        client = connect(os.environ)
        try:
            names = [one.name for one in client.containers.list(all=True, ignore_removed=True)]
            names += [one.name for one in client.networks.list()] + [one.name for one in client.volumes.list()]
        finally:
            client.close()
        return [str(name) for name in names if name and NAME in name]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    require(NODE, EMULATOR)
    folder = tmp_path / "project"
    (folder / "stacks").mkdir(parents=True)
    ports = {"http": free_port(), "https": free_port()}
    (folder / "stacks" / f"{NAME}.yaml").write_text(STACK.format(name=NAME, node=NODE, emulator=EMULATOR, **ports))
    (folder / "stacks" / "seeds.yaml").write_text(SEEDS)
    made = Project(folder)
    yield made
    made.bootstrap("down", NAME)


def test_a_pod_reaches_the_seeded_emulator_by_its_in_cluster_name(project: Project) -> None:
    project.bootstrap("up", NAME)
    cluster = next(name for name in project.on_engine() if name.endswith("-control-plane")).removesuffix(
        "-control-plane"
    )
    project.run("kind", "load", "docker-image", EMULATOR, "--name", cluster)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "reader",
                    "image": EMULATOR,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-c", READS],
                }
            ],
        },
    }
    project.in_cluster("apply", "-f", "-", stdin=json.dumps(pod))
    project.in_cluster("wait", "pod/reader", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert "hello from the emulator" in project.in_cluster("logs", "reader")
    before = project.on_engine()
    began = time.monotonic()
    again = project.bootstrap("up", NAME)
    assert "unchanged" in again
    assert time.monotonic() - began < 30
    assert project.on_engine() == before
    project.bootstrap("down", NAME)
    assert project.on_engine() == []
