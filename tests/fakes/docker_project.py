"""A project with one stack on Docker, run as a user would run it."""

import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.docker.engine import connect
from bootstrap.state.paths import cache_folder
from bootstrap.system.sockets import free_port
from fakes.on_docker import K3D_IMAGES, K3S_IMAGE, NODE_IMAGE

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

EMULATOR = os.environ.get("BOOTSTRAP_TEST_EMULATOR_IMAGE", "bootstrap-rig/ministack:1.5.33")
TRAEFIK = os.environ.get("BOOTSTRAP_TEST_TRAEFIK_IMAGE", "bootstrap-rig/traefik:v3.7.15")
OPERATOR = os.environ.get("BOOTSTRAP_TEST_OPERATOR_IMAGE", "bootstrap-rig/external-secrets:v0.18.2")
APP = os.environ.get("BOOTSTRAP_TEST_APP_IMAGE", "bootstrap-rig/http-echo:1.0.0")
"""Answers with TEXT, or with what ?fetch=URL answers."""
MACHINES = {"kind": NODE_IMAGE, "k3d": K3S_IMAGE}
PLATFORM = Path(__file__).parents[1] / "data" / "platform"
_ROLES = frozenset({"control-plane", "worker", "server", "agent"})


@dataclass
class Project:
    """A folder with one stack in it, and a user's own corner."""

    folder: Path
    name: str
    provider: str = "kind"
    http: int = field(default_factory=lambda: free_port() or 0)
    https: int = field(default_factory=lambda: free_port() or 0)
    cold: float = 0.0
    """Seconds that the first `up` took: how slow this machine is right now."""

    def write_stack(self, **fields: Any) -> None:
        """Declare the stack, on free ports; `fields` come on top."""
        ports = {"http": self.http, "https": self.https}
        stack = {
            "apiVersion": "bootstrap.dev/v1",
            "kind": "Stack",
            "metadata": {"name": self.name},
            "cluster": {"provider": self.provider, "image": MACHINES[self.provider], "ports": ports},
            "emulator": {"image": EMULATOR},
            **fields,
        }
        file = self.folder / "stacks" / f"{self.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(stack))

    def write_platform(self, *, app: str = APP) -> None:
        """Declare the platform of tests/data: Traefik, the External Secrets operator, a shop of this image, seeds."""
        shutil.copytree(PLATFORM, self.folder / "platform")
        images = {"traefik_image": TRAEFIK, "operator_image": OPERATOR, "app_image": app}
        source = {"root": "../platform", "path": "clusters/local", "substitute": images}
        self.write_stack(seeds=["../platform/seeds"], source=source)

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_", "DOCKER_"))}
        return {
            **K3D_IMAGES,
            **kept,
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        }

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """What it printed; it has to succeed."""
        ended = subprocess.run(
            argv, cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{argv}: {ended.stderr}{ended.stdout}"
        return ended.stdout + ended.stderr

    def bootstrap(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "bootstrap", *arguments)

    def up(self, *arguments: str) -> str:
        return self.bootstrap("up", self.name, "--progress", "plain", *arguments)

    def down(self) -> None:
        self.bootstrap("down", self.name)

    def in_cluster(self, *arguments: str, stdin: str | None = None) -> str:
        file = next((self.folder / "state").rglob("kubeconfig"))
        return self.run("kubectl", "--kubeconfig", str(file), *arguments, stdin=stdin)

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.in_cluster("get", *arguments, "-o=json"))["items"]
        return items

    def ask(self, host: str, path: str = "/", *, tls: bool = False) -> str:
        """What answers to `http://HOST:PORT/PATH`, or https, on the stack's ports."""
        if tls:
            connection: http.client.HTTPConnection = _Tls(self.https, host)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{self.https if tls else self.http}"})
            answer = connection.getresponse()
            body = answer.read().decode()
            assert answer.status == http.client.OK, f"{answer.status}: {body}"
            return body
        finally:
            connection.close()

    def on_engine(self) -> list[str]:
        """Everything of this stack that the engine holds."""
        with engine() as client:
            names = [container.name for container in client.containers.list(all=True, ignore_removed=True)]
            names += [docker_network.name for docker_network in client.networks.list()] + [
                volume.name for volume in client.volumes.list()
            ]
        return [str(name) for name in names if name and self.name in name]

    def machines(self) -> list[str]:
        """Ids of the containers that are nodes; they change when a cluster is made anew."""
        with engine() as client:
            matching = [
                container for container in self.containers(client) if _ROLES.intersection(container.labels.values())
            ]
        assert matching, f"no machine of {self.name}"
        return [str(container.id) for container in matching]

    def containers(self, client: "DockerClient") -> "list[Container]":
        """All of this stack, in the order of their names."""
        matching = client.containers.list(all=True, ignore_removed=True)
        return sorted(
            (container for container in matching if self.name in str(container.name)),
            key=lambda container: str(container.name),
        )

    @property
    def network(self) -> str:
        """The stack's own."""
        with engine() as client:
            return next(
                str(docker_network.name)
                for docker_network in client.networks.list()
                if self.name in str(docker_network.name)
            )


@contextlib.contextmanager
def engine() -> "Iterator[DockerClient]":
    """A client of the engine that is patient with a busy one."""
    client = connect(os.environ, seconds=60)
    try:
        yield client
    finally:
        client.close()


class _Tls(http.client.HTTPSConnection):
    """Asks 127.0.0.1 for a name that only browsers and curl resolve; whoever made its certificate."""

    def __init__(self, port: int, name: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__("127.0.0.1", port, timeout=10, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
