"""Ports of this machine by which a cluster is reached."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.sockets import holder_of, is_free

HTTP_NODE_PORT, HTTPS_NODE_PORT = 30080, 30443
"""Where the ingress controller of a stack listens on every node."""


_OTHERS = "end that program, or use other ports: --ports auto, or --set cluster.ports.http=… (or .https)"


def refuse_used(ports: Iterable[int], processes: Processes, cancel: CancelToken, *, file: Path | None = None) -> None:
    """Return when every port of 127.0.0.1 is free; `file`: where they are declared, if not in the stack.

    Raises:
        RefusedError: one is in use; names its holder, before anything is created.
    """
    for port in ports:
        if not is_free(port):
            raise RefusedError(
                f"port {port} of 127.0.0.1 is in use by {holder_of(port, processes, cancel)}",
                fix=_OTHERS if file is None else f"end that program, or write another port in {file}",
            )


def refuse_asked_twice(ports: Sequence[int], own: Sequence[int], file: Path | None) -> None:
    """Return when the user's own configuration leaves the stack's ports free, and names none of its own twice.

    Raises:
        RefusedError: the engine could give one of them only once.
    """
    for port in own:
        if port in ports:
            raise RefusedError(
                f"port {port} of 127.0.0.1 is declared twice: in cluster.ports and in {file}",
                fix="--ports auto, or --set cluster.ports.http=… (or .https)",
            )
        if own.count(port) > 1:
            raise RefusedError(
                f"port {port} of 127.0.0.1 is declared twice in {file}", fix=f"write another one in {file}"
            )
