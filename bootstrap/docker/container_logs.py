"""The containers of a stack and the end of each one's log, for a report."""

from dataclasses import dataclass

from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.labels import OWNER_LABEL


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerLog:
    """One container."""

    name: str
    state: str
    """The engine's words, such as `exited`, and its exit code."""
    lines: tuple[str, ...]


def container_logs(docker: StackOnDocker, lines: int) -> tuple[ContainerLog, ...]:
    """Every container of the stack, running or not, with the last lines of its log; changes nothing.

    Raises:
        RefusedError: no engine answers, or the network of the stack's name is not ours.
    """
    owned = docker.owned()
    with docker.open() as client:
        containers = (
            [] if owned is None else client.containers.list(all=True, filters={"label": f"{OWNER_LABEL}={owned.owner}"})
        )
        if docker.network(client) is not None:
            # Nodes of kind and k3d carry the labels of their tool alone.
            containers += client.containers.list(all=True, filters={"network": docker.name})
        by_name = {str(container.name): container for container in containers}
        return tuple(
            ContainerLog(
                name=name,
                state=f"{container.status}, exit code {container.attrs['State'].get('ExitCode')}",
                lines=tuple(container.logs(tail=lines, timestamps=True).decode(errors="replace").splitlines()),
            )
            for name, container in sorted(by_name.items())
        )
