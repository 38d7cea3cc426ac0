"""The only loop that waits for something to become true."""

from collections.abc import Callable
from typing import TypeVar

from bootstrap.system.clock import CancelToken

T = TypeVar("T")


def wait_until(probe: Callable[[], T | None], cancel: CancelToken, *, interval: float = 0.2) -> T:
    """Ask `probe` every `interval` seconds until it gives something; that.

    Raises:
        CancelledError, DeadlineError: the token is cancelled, or its deadline passes; it names what was waited for.
    """
    while (result := probe()) is None:
        cancel.sleep(interval)
    return result
