"""The containers that a cluster program made, found by its label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bootstrap.clusters.tool import ClusterTool

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_ROLES = frozenset({"control-plane", "worker", "server", "agent"})
"""What kind and k3d label the containers that are nodes with; not load balancers and the like."""


def machines_of(tool: ClusterTool, client: "DockerClient") -> "Sequence[Container]":
    """All of the cluster, by name."""
    found = client.containers.list(all=True, filters={"label": tool.label}, ignore_removed=True)
    return sorted(found, key=lambda one: str(one.name))


def nodes_of(tool: ClusterTool, client: "DockerClient") -> "Sequence[Container]":
    """Those in which pods run."""
    return [one for one in machines_of(tool, client) if _ROLES.intersection(one.labels.values())]


def host_record(node: "Container", name: str | None) -> str:
    """The address that the name has in the node's /etc/hosts; empty: it has none there."""
    found = node.exec_run(["grep", "-wF", str(name), "/etc/hosts"])
    words = found.output.split() if found.exit_code == 0 and isinstance(found.output, bytes) else ()
    return words[0].decode() if words else ""


def add_host_record(node: "Container", address: str, name: str | None) -> None:
    """Give the name an address in the node's /etc/hosts."""
    node.exec_run(["sh", "-c", 'echo "$0 $1" >>/etc/hosts', address, str(name)])
