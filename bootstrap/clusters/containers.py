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
