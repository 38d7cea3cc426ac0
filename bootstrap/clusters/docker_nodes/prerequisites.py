"""All that a new cluster needs, brought here before anything of an old one is deleted."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootstrap.clusters.docker_nodes.host_ports import refuse_asked_twice, refuse_used
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.images import pull
from bootstrap.errors import RefusedError
from bootstrap.model.stack import HostPorts
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_GIB = 1 << 30
ROOM = 2 * _GIB
"""What the nodes of a small cluster write in their first minutes, images in them not counted."""


def gather(  # noqa: PLR0913 - what a check is given
    tool: ClusterTool,
    ports: HostPorts,
    client: "DockerClient",
    processes: Processes,
    work: Work,
    *,
    own: Collection[int] = (),
    mirrors: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Return once the configuration can be used, the ports are free, there is room, and every image is here.

    `own`: ports of the cluster that will be gone by then.

    Raises:
        InvalidError: the configuration cannot be used.
        RefusedError: something else is missing; nothing was created or deleted.
    """
    tool.configuration()
    refuse_used_ports(tool, ports, processes, work.cancel, own=own)
    refuse_full(Path(str(client.info().get("DockerRootDir") or "")))
    for image in tool.images:
        # The programs would pull without a word for minutes, and fail without a way out.
        pull(client, image, work.notify, work.cancel.check, another="--set cluster.image=…", mirrors=mirrors)


def refuse_used_ports(
    tool: ClusterTool, ports: HostPorts, processes: Processes, cancel: CancelToken, *, own: Collection[int] = ()
) -> None:
    """Return when every port of the stack and of the user's own configuration is free, except for those in `own`.

    Raises:
        RefusedError: one is in use, or declared twice.
    """
    ours, theirs = (ports.http, ports.https), tool.own_ports
    refuse_used([port for port in ours if port not in own], processes, cancel)
    refuse_asked_twice(ours, theirs, tool.own_file)
    refuse_used([port for port in theirs if port not in own], processes, cancel, file=tool.own_file)


def refuse_full(root: Path) -> None:
    """Return when the engine's disk has room for a cluster, or is not a disk of this machine.

    Raises:
        RefusedError: it has not; names the free space.
    """
    if not root.is_absolute() or not root.is_dir():
        return
    free = shutil.disk_usage(root).free
    if free < ROOM:
        raise RefusedError(
            f"{free / _GIB:.1f} GiB are free in {root}; a cluster needs {ROOM / _GIB:.0f} GiB",
            fix="free space: docker system df shows what uses it; docker image prune removes unused images",
        )


def published_ports(containers: "Sequence[Container]") -> frozenset[int]:
    """The ports of this machine that these containers have, running or not."""
    return frozenset(
        int(binding["HostPort"])
        for container in containers
        for bindings in (container.attrs["HostConfig"].get("PortBindings") or {}).values()
        for binding in bindings or ()
        if binding.get("HostPort")
    )
