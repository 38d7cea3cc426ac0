"""Runs a program inside a container."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until

if TYPE_CHECKING:
    from docker.models.containers import Container

_POLL_SECONDS = 0.02


def execute(container: "Container", argv: Sequence[str], cancel: CancelToken) -> tuple[int, bytes]:
    """Run it to its end; its exit code, and what it wrote.

    Raises:
        docker.errors.APIError: the container is not running.
        CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
    """
    api = container.client.api  # type: ignore[union-attr]  # whoever came from an engine has one
    exec_id = api.exec_create(container.id, list(argv))["Id"]
    output = api.exec_start(exec_id)

    def code() -> int | None:
        # Asked as soon as the output has ended, an engine may not know yet how the program ended.
        ended: int | None = api.exec_inspect(exec_id)["ExitCode"]
        return ended

    return wait_until(code, cancel, interval=_POLL_SECONDS), bytes(output)
