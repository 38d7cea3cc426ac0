"""Clusters in containers of the engine of this machine; run as a program, one that a test can kill."""

import json
import os
import sys
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.cluster import NodeCluster
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.clusters.k3d.tool import LONGEST, K3d
from bootstrap.clusters.kind.tool import Kind
from bootstrap.docker.engine import connect, engine_answers
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.engine.recover import end_leftovers
from bootstrap.model.stack import ClusterSpec, HostPorts, StatePaths
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import free_port
from bootstrap.system.work import Work
from fakes.programs import real_programs

NODE_IMAGE = os.environ.get("BOOTSTRAP_TEST_NODE_IMAGE", "bootstrap-rig/node:v1.34.4")
K3S_IMAGE = os.environ.get("BOOTSTRAP_TEST_K3S_IMAGE", "bootstrap-rig/k3d-k3s:v1.34.4")
K3D_IMAGES = {
    "K3D_IMAGE_TOOLS": "bootstrap-rig/k3d-tools:v1.34.4",
    "K3D_IMAGE_LOADBALANCER": "bootstrap-rig/k3d-proxy:v1.34.4",
}


def skip_without(*images: str) -> None:
    """Skip the test, saying why, where no engine answers or one of the images is not on it."""
    if not engine_answers(os.environ):
        pytest.skip("no Docker engine answers")
    from docker.errors import ImageNotFound  # noqa: PLC0415 - loads slowly

    client = connect(os.environ)
    try:
        for image in images:
            try:
                client.images.get(image)
            except ImageNotFound:
                pytest.skip(f"the image {image} is not on the engine")
    finally:
        client.close()


def docker_of(folder: Path) -> StackOnDocker:
    """What a stack with this state folder has on the engine."""
    return StackOnDocker(StatePaths(folder=folder), os.environ)


def free_ports(folder: Path) -> HostPorts:
    """Free ports for the stack with this state folder: the same ones for every process that asks."""
    noted = folder.with_suffix(".ports")
    if not noted.exists():
        noted.write_text(json.dumps([free_port(), free_port()]))
    http, https = json.loads(noted.read_text())
    return HostPorts(http=http, https=https)


def kind_cluster(
    folder: Path,
    *,
    workers: int = 0,
    ports: HostPorts | None = None,
    adopt: bool = False,
    image: str = NODE_IMAGE,
) -> NodeCluster:
    """A kind cluster of a stack with this state folder; a new provider each time."""
    skip_without(NODE_IMAGE)
    spec = ClusterSpec(workers=workers, image=image, ports=ports or free_ports(folder))
    state, docker = StatePaths(folder=folder), docker_of(folder)
    processes = SystemProcesses(SystemClock(), Journal(state.journal, SystemClock()).child)
    tool = Kind(spec, docker.name, real_programs(), processes, os.environ)
    return NodeCluster(tool, spec.ports, state, docker, processes, adopt=adopt)


def end_what_was_left(folder: Path) -> None:
    """As every run begins: end the programs that a killed one left."""
    clock = SystemClock()
    journal = Journal(StatePaths(folder=folder).journal, clock)
    end_leftovers(journal, SystemProcesses(clock), CancelToken(clock).within(60, "the programs of a killed run"))
    journal.close()


def k3d_cluster(folder: Path) -> NodeCluster:
    """A k3d cluster of a stack with this state folder."""
    skip_without(K3S_IMAGE)
    spec = ClusterSpec(image=K3S_IMAGE, ports=free_ports(folder))
    state, docker = StatePaths(folder=folder), docker_of(folder)
    processes = SystemProcesses(SystemClock())
    environment = {**K3D_IMAGES, **os.environ}
    name = docker.name_within(LONGEST)
    tool: ClusterTool = K3d(spec, name, docker.name, real_programs(), processes, environment)
    return NodeCluster(tool, spec.ports, state, docker, processes)


def left_on_engine(docker: StackOnDocker) -> list[str]:
    """Names of the stack's containers, networks and volumes that are still there."""
    with docker.open() as client:
        containers = [
            str(container.name) for container in client.containers.list(all=True) if docker.name in str(container.name)
        ]
        networks = [str(network.name) for network in client.networks.list() if network.name == docker.name]
        volumes = [str(volume.name) for volume in client.volumes.list() if docker.name in str(volume.name)]
    return [*containers, *networks, *volumes]


if __name__ == "__main__":
    kind_cluster(Path(sys.argv[1])).up(Work(CancelToken(SystemClock()), lambda _text: None))
