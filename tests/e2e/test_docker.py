"""A stack on kind with its emulator in a container, as a user would run it."""

import base64
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
from bootstrap.engine.sockets import free_port
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
secretsmanager:
  orders/db: {string: first}
"""
OPERATOR = "bootstrap-rig/external-secrets:v0.18.2"
OPERATOR_MANIFEST = os.environ.get("BOOTSTRAP_TEST_OPERATOR_MANIFEST")
"""Installs the operator above into the namespace external-secrets."""
EXTERNAL_SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: dummy, namespace: default}
stringData: {id: test, secret: test}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: emulator, namespace: default}
spec:
  provider:
    aws:
      service: SecretsManager
      region: us-east-1
      auth:
        secretRef:
          accessKeyIDSecretRef: {name: dummy, key: id}
          secretAccessKeySecretRef: {name: dummy, key: secret}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: orders, namespace: default}
spec:
  refreshInterval: 24h
  secretStoreRef: {name: emulator, kind: SecretStore}
  target: {name: orders}
  data: [{secretKey: password, remoteRef: {key: orders/db}}]
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

    def load(self, image: str) -> None:
        """Bring an image of the engine into the cluster."""
        end = "-control-plane"
        cluster = next(name for name in self.on_engine() if name.endswith(end)).removesuffix(end)
        self.run("kind", "load", "docker-image", image, "--name", cluster)

    def password(self) -> str:
        """What the Kubernetes Secret holds, in base64; empty while there is none."""
        return self.in_cluster("get", "secret", "orders", "--ignore-not-found", "-o=jsonpath={.data.password}").strip()

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
    project.load(EMULATOR)
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


@pytest.mark.skipif(OPERATOR_MANIFEST is None, reason="BOOTSTRAP_TEST_OPERATOR_MANIFEST names no manifest")
def test_a_refreshed_secret_is_in_the_kubernetes_secret_within_ten_seconds(project: Project) -> None:
    require(OPERATOR)
    assert OPERATOR_MANIFEST is not None
    project.bootstrap("up", NAME)
    project.load(OPERATOR)
    project.in_cluster("apply", "-f", OPERATOR_MANIFEST)
    endpoints = [f"AWS_{name}_ENDPOINT=http://localstack.localstack.svc:4566" for name in ("SECRETSMANAGER", "STS")]
    project.in_cluster("-n", "external-secrets", "set", "env", "deployment/external-secrets", *endpoints)
    project.in_cluster("-n", "external-secrets", "rollout", "status", "deployment/external-secrets", "--timeout=120s")
    project.in_cluster("apply", "-f", "-", stdin=EXTERNAL_SECRET)
    project.in_cluster("wait", "externalsecret/orders", "--for=condition=Ready", "--timeout=60s")
    assert project.password() == base64.b64encode(b"first").decode()
    (project.folder / "stacks" / "seeds.yaml").write_text(SEEDS.replace("first", "second"))
    project.bootstrap("seed", "refresh", "--stack", NAME)
    until = time.monotonic() + 10
    while project.password() != base64.b64encode(b"second").decode():
        assert time.monotonic() < until, "the new value is not in the Secret"
