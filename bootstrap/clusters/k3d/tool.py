"""The program k3d, for one cluster."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.clusters.docker_nodes.cluster_fields import declared_fields
from bootstrap.clusters.docker_nodes.host_network import authorities
from bootstrap.clusters.docker_nodes.native_config import not_accepted, read_native
from bootstrap.clusters.k3d.config import image_of, k3d_config, own_ports
from bootstrap.model.stack import ClusterSpec, Profile
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, Processes

LONGEST = 32
"""What k3d takes for a cluster's name."""


class K3d:
    """Implements `ClusterTool`."""

    program = "k3d"
    ready = ("coredns",)
    answers_early = False
    host = "host.k3d.internal"

    def __init__(
        self,
        spec: ClusterSpec,
        name: str,
        network: str,
        programs: Programs,
        processes: Processes,
        environment: Mapping[str, str],
    ) -> None:
        self._spec = spec
        self._network = network
        self._programs = programs
        self._processes = processes
        self._environment = environment
        self.cluster = name

    @property
    def label(self) -> str:
        """See `ClusterTool.label`."""
        return f"k3d.cluster={self.cluster}"

    @property
    def machines(self) -> int:
        """See `ClusterTool.machines`."""
        declared = k3d_config(self._spec, self.cluster, self._network)
        return int(declared["servers"]) + int(declared["agents"])

    @property
    def images(self) -> Sequence[str]:
        """See `ClusterTool.images`."""
        return (str(k3d_config(self._spec, self.cluster, self._network)["image"]),)

    @property
    def helpers(self) -> Sequence[str]:
        """See `ClusterTool.helpers`: as k3d itself names them (its docs, usage/configfile and environment)."""
        declared = k3d_config(self._spec, self.cluster, self._network)
        version = self._environment.get("K3D_HELPER_IMAGE_TAG") or self._programs.version("k3d")
        tools = self._environment.get("K3D_IMAGE_TOOLS") or f"ghcr.io/k3d-io/k3d-tools:{version}"
        if declared["options"]["k3d"]["disableLoadbalancer"]:
            return (tools,)
        return (tools, self._environment.get("K3D_IMAGE_LOADBALANCER") or f"ghcr.io/k3d-io/k3d-proxy:{version}")

    @property
    def quickens_names(self) -> bool:
        """See `ClusterTool.quickens_names`: the one of k3s is asked every 2 s."""
        return False

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
        return json.dumps(k3d_config(self._spec, self.cluster, self._network)).encode()

    def fields(self) -> Mapping[str, Any]:
        """See `ClusterTool.fields`."""
        native = {} if self._spec.config is None else read_native(self._spec.config, "Simple", "k3d")
        return declared_fields(self._spec, image_of(self._spec), native)

    def earlier_configurations(self) -> Sequence[bytes]:
        """See `ClusterTool.earlier_configurations`."""
        if self._spec.profile is Profile.STOCK:
            return ()
        return (
            json.dumps(k3d_config(replace(self._spec, profile=Profile.STOCK), self.cluster, self._network)).encode(),
        )

    def accept(self, scratch: Path, cancel: CancelToken) -> None:
        """See `ClusterTool.accept`: to migrate a file, k3d holds it against its schema."""
        if self._spec.config is None:
            return
        file = scratch / "k3d-check.yaml"
        write_whole(file, self.configuration())
        command = Command(
            argv=(str(self._programs.path("k3d")), "config", "migrate", str(file), "-"),
            env=self._environment,
            polite=signal.SIGINT,
        )
        finished = self._processes.run(command, cancel, check=False)
        if finished.returncode:
            raise not_accepted(self._spec.config, "k3d", finished.stderr or finished.stdout)

    def create(self, scratch: Path, cancel: CancelToken, names: Mapping[str, str]) -> None:
        """See `ClusterTool.create`."""
        file = scratch / "k3d.yaml"
        given = k3d_config(self._spec, self.cluster, self._network)
        mounts = [{"volume": f"{copy}:{inside}:ro"} for copy, inside in authorities(self._environment, scratch)]
        volumes = {"volumes": [*(given.get("volumes") or ()), *mounts]} if mounts else {}
        image = names.get(given["image"], given["image"])
        write_whole(file, json.dumps({**given, **volumes, "image": image}).encode())
        self._run("cluster", "create", "--config", str(file), cancel=cancel, changes=True)

    def add_worker(self, number: int, cancel: CancelToken) -> None:
        """See `ClusterTool.add_worker`; k3d copies volumes and settings of the nodes that are there."""
        declared = k3d_config(self._spec, self.cluster, self._network)
        arguments = declared["options"]["k3s"]["extraArgs"]
        for_agents = [argument["arg"] for argument in arguments if _is_for_agents(argument)]
        self._run(
            *("node", "create", self._new_node(number), "--cluster", self.cluster, "--role", "agent"),
            *("--image", self.images[0], *(f"--k3s-arg={argument}" for argument in for_agents)),
            cancel=cancel,
            changes=True,
        )

    def worker_name(self, number: int) -> str:
        """See `ClusterTool.worker_name`; k3d adds the number of the replica."""
        return f"k3d-{self._new_node(number)}-0"

    def _new_node(self, number: int) -> str:
        return f"{self.cluster}-agent-{number}"

    def kubeconfig(self, cancel: CancelToken) -> bytes:
        """See `ClusterTool.kubeconfig`."""
        return self._run("kubeconfig", "get", self.cluster, cancel=cancel)

    def start(self, cancel: CancelToken) -> bool:
        """See `ClusterTool.start`; k3d rewrites the host records of nodes that it starts itself."""
        self._run("cluster", "start", self.cluster, cancel=cancel, changes=True)
        return True

    def _run(self, *arguments: str, cancel: CancelToken, changes: bool = False) -> bytes:
        command = Command(
            argv=(str(self._programs.path("k3d")), *arguments),
            env=self._environment,
            polite=signal.SIGINT,
            recorded=changes,
        )
        return self._processes.run(command, cancel).stdout


def _is_for_agents(argument: Mapping[str, Any]) -> bool:
    filters = [str(name) for name in argument.get("nodeFilters") or ("all",)]
    return any(name.partition(":")[0] in {"agent", "agents", "all"} for name in filters)
