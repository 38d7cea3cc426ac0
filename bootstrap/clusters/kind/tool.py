"""The program kind, for one cluster."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.clusters.docker_nodes.cluster_fields import declared_fields
from bootstrap.clusters.docker_nodes.host_network import authorities, node_proxies
from bootstrap.clusters.docker_nodes.native_config import not_accepted, read_native
from bootstrap.clusters.kind.config import image_of, kind_config, own_ports
from bootstrap.errors import RefusedError
from bootstrap.model.stack import ClusterSpec, Profile
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Processes
from bootstrap.system.sockets import listens_everywhere

_DESKTOP = "host.docker.internal"
"""Where the engine runs in a virtual machine: this machine, and what listens on its loopback too."""

_NO_IMAGE = "bootstrap.invalid/none:none"
"""Names no image anywhere: RFC 2606."""


class Kind:
    """Implements `ClusterTool`."""

    program = "kind"
    ready = ("coredns",)
    helpers = ()
    answers_early = True
    host = None

    def __init__(
        self, spec: ClusterSpec, name: str, programs: Programs, processes: Processes, environment: Mapping[str, str]
    ) -> None:
        self._spec = spec
        self._programs = programs
        self._processes = processes
        self._environment = environment
        self.cluster = name

    @property
    def label(self) -> str:
        """See `ClusterTool.label`."""
        return f"io.x-k8s.kind.cluster={self.cluster}"

    @property
    def machines(self) -> int:
        """See `ClusterTool.machines`."""
        return len(kind_config(self._spec, self.cluster)["nodes"])

    @property
    def images(self) -> Sequence[str]:
        """See `ClusterTool.images`."""
        return tuple(dict.fromkeys(node["image"] for node in kind_config(self._spec, self.cluster)["nodes"]))

    @property
    def quickens_names(self) -> bool:
        """See `ClusterTool.quickens_names`; by profile `fast`."""
        return self._spec.profile is Profile.FAST

    @property
    def own_file(self) -> Path | None:
        """See `ClusterTool.own_file`."""
        return self._spec.config

    @property
    def own_ports(self) -> Sequence[int]:
        """See `ClusterTool.own_ports`."""
        return own_ports(self._spec)

    def configuration(self) -> bytes:
        """See `ClusterTool.configuration`."""
        return json.dumps(kind_config(self._spec, self.cluster)).encode()

    def fields(self) -> Mapping[str, Any]:
        """See `ClusterTool.fields`."""
        native = {} if self._spec.config is None else read_native(self._spec.config, "Cluster", "kind")
        return declared_fields(self._spec, image_of(self._spec), native)

    def earlier_configurations(self) -> Sequence[bytes]:
        """See `ClusterTool.earlier_configurations`."""
        if self._spec.profile is Profile.STOCK:
            return ()
        return (json.dumps(kind_config(replace(self._spec, profile=Profile.STOCK), self.cluster)).encode(),)

    def accept(self, scratch: Path, cancel: CancelToken) -> None:
        """See `ClusterTool.accept`: kind reads all of it before it looks for images, and here there is none to find."""
        if self._spec.config is None:
            return
        config = kind_config(self._spec, self.cluster)
        nodes = [{**node, "image": _NO_IMAGE} for node in config["nodes"]]
        command = Command(
            argv=(
                str(self._programs.path("kind")),
                *("create", "cluster", "--name", f"{self.cluster}-check", "--config", "-"),
                *("--kubeconfig", str(scratch / "checked")),
            ),
            env=self._variables(),
            stdin=json.dumps({**config, "name": f"{self.cluster}-check", "nodes": nodes}).encode(),
            polite=signal.SIGINT,
        )
        words = self._processes.run(command, cancel, check=False).stderr
        if _NO_IMAGE.encode() not in words:
            raise not_accepted(self._spec.config, "kind", words)

    def create(self, scratch: Path, cancel: CancelToken, names: Mapping[str, str]) -> None:
        """See `ClusterTool.create`."""
        # It writes a kubeconfig whenever it creates: never the user's. It is not asked to wait: its waiting ends
        # with exit code 0 whether the cluster is ready or not.
        written = ("--kubeconfig", str(scratch / "kubeconfig"))
        given = kind_config(self._spec, self.cluster)
        mounts = [
            {"hostPath": str(file), "containerPath": inside, "readOnly": True}
            for file, inside in authorities(self._environment, scratch)
        ]
        for node in given["nodes"]:
            node["image"] = names.get(node["image"], node["image"])
            if mounts:
                node["extraMounts"] = [*(node.get("extraMounts") or ()), *mounts]
        proxies = node_proxies(self._environment, lambda: self._gateway(cancel), _is_reachable)
        arguments = ("create", "cluster", "--config", "-", *written)
        self._run(*arguments, stdin=json.dumps(given).encode(), cancel=cancel, environment=proxies)

    def _gateway(self, cancel: CancelToken) -> str:
        """How containers of its network call this machine."""
        if listens_everywhere(0) is None:
            return _DESKTOP
        asked = ("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", self.cluster)
        return self._processes.run(Command(argv=asked, env=self._environment), cancel).text().strip()

    def add_worker(self, number: int, cancel: CancelToken) -> None:
        """See `ClusterTool.add_worker`: kind has no such command.

        Raises:
            RefusedError: always.
        """
        cancel.check()
        raise RefusedError(f"kind adds no nodes to a cluster: worker {number} needs another one")

    def worker_name(self, number: int) -> str:
        """See `ClusterTool.worker_name`; as kind names it at the creation."""
        return f"{self.cluster}-worker{number + 1 if number else ''}"

    def kubeconfig(self, cancel: CancelToken) -> bytes:
        """See `ClusterTool.kubeconfig`."""
        return self._run("get", "kubeconfig", cancel=cancel)

    def start(self, cancel: CancelToken) -> bool:
        """See `ClusterTool.start`: kind has no such command."""
        cancel.check()
        return False

    def _variables(self) -> Mapping[str, str]:
        return {
            **self._environment,
            "KIND_EXPERIMENTAL_DOCKER_NETWORK": self.cluster,
            "KIND_EXPERIMENTAL_PROVIDER": "docker",
        }

    def _run(
        self,
        *arguments: str,
        cancel: CancelToken,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        command = Command(
            argv=(str(self._programs.path("kind")), *arguments, "--name", self.cluster),
            env={**self._variables(), **(environment or {})},
            stdin=stdin,
            polite=signal.SIGINT,
            recorded=arguments[0] != "get",
        )
        return self._processes.run(command, cancel).stdout


def _is_reachable(port: int) -> bool:
    return listens_everywhere(port) is not False
