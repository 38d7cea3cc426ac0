"""The containers that a cluster program made, found by its label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.exec import execute
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_ROLES = frozenset({"control-plane", "worker", "server", "agent"})
"""What kind and k3d label the containers that are nodes with; not load balancers and the like."""
_NO_MATCH = 1
"""What grep ends with when it found nothing; with more when it could not look."""


def cluster_containers(tool: ClusterTool, client: "DockerClient") -> "Sequence[Container]":
    """All of the cluster, by name."""
    containers = client.containers.list(all=True, filters={"label": tool.label}, ignore_removed=True)
    return sorted(containers, key=lambda container: str(container.name))


def nodes_of(tool: ClusterTool, client: "DockerClient") -> "Sequence[Container]":
    """Those in which pods run."""
    return [machine for machine in cluster_containers(tool, client) if _ROLES.intersection(machine.labels.values())]


def host_record(node: "Container", name: str | None, cancel: CancelToken) -> str:
    """The address that the name has in the node's /etc/hosts; empty: it has none there.

    Raises:
        StepFailedError: the node cannot be read.
    """
    code, output = execute(node, ("grep", "-wF", str(name), "/etc/hosts"), cancel)
    if code not in {0, _NO_MATCH}:
        raise StepFailedError(f"cannot read /etc/hosts of {node.name}", evidence=output.decode().splitlines())
    words = output.split() if code == 0 else ()
    return words[0].decode() if words else ""


def add_host_record(node: "Container", address: str, name: str | None, cancel: CancelToken) -> None:
    """Give the name an address in the node's /etc/hosts.

    Raises:
        StepFailedError: it cannot be written.
    """
    code, output = execute(node, ("sh", "-c", 'echo "$0 $1" >>/etc/hosts', address, str(name)), cancel)
    if code != 0:
        raise StepFailedError(f"cannot write /etc/hosts of {node.name}", evidence=output.decode().splitlines())
