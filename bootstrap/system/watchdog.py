"""Does one thing while another one looks at it from beside, and may end it."""

import threading
from collections.abc import Callable
from typing import TypeVar

from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until

T = TypeVar("T")


def run_beside(
    act: Callable[[CancelToken], T],
    look: Callable[[CancelToken], BootstrapError | None],
    cancel: CancelToken,
    *,
    interval: float,
) -> T:
    """What `act` gives; meanwhile `look` is asked every `interval` seconds, and what it finds ends the act.

    Each is given a token of its own: the act's is cancelled by what was found, the other one by the act's end.

    Raises:
        BootstrapError: what `look` found, or what `act` raised.
    """
    acting, looking = cancel.child(), cancel.child()
    errors: list[BootstrapError] = []

    def watch() -> None:
        try:
            errors.append(wait_until(lambda: look(looking), looking, interval=interval))
        except BootstrapError:
            return  # the act is over, or the caller's own token says why it ends
        acting.cancel(errors[0].what)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return act(acting)
    except CancelledError as error:
        if errors and not cancel.cancelled:
            raise errors[0] from error
        raise
    finally:
        looking.cancel("the watched work has ended")
        watcher.join()
