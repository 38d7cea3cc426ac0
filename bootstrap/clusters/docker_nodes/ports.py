"""Ports of this machine that a cluster is to be reached by."""

from collections.abc import Iterable

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.sockets import holder_of, is_free

HTTP_NODE_PORT, HTTPS_NODE_PORT = 30080, 30443
"""Where the ingress controller of a stack listens on every machine."""


def refuse_taken(ports: Iterable[int], processes: Processes, cancel: CancelToken) -> None:
    """Return when every port of 127.0.0.1 is free.

    Raises:
        RefusedError: one is taken; names its holder, before anything is created.
    """
    for port in ports:
        if not is_free(port):
            raise RefusedError(
                f"port {port} of 127.0.0.1 is taken by {holder_of(port, processes, cancel)}",
                fix="end that program, or use others: --ports auto, or --set cluster.ports.http=… (or .https)",
            )
