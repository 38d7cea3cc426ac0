"""Ctrl-C: the first stops the run in order, the second ends the process."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from bootstrap.cli.output import report
from bootstrap.errors import ExitCode
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible(cancel: CancelToken, processes: Processes | None = None, *, quiet: bool = False) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) cancels the token, the second ends everything at once; `quiet` writes nothing.

    A separate thread acts on signals: a handler would interrupt the main thread anywhere, even while it holds a lock
    or is in the middle of a line.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def act() -> None:
        while number := os.read(reader, 1):
            if number[0] not in _STOPPING:
                continue
            if cancel.cancelled:
                if processes is not None:
                    processes.kill_running()
                os._exit(ExitCode.INTERRUPTED)
            if not quiet:
                report("Stopping… (again to force)")
            cancel.cancel(f"stopped by {signal.Signals(number[0]).name}")

    actor = threading.Thread(target=act, daemon=True)
    actor.start()
    handlers = {number: signal.signal(number, _leave_to_the_actor) for number in _STOPPING}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        actor.join()
        os.close(reader)


def _leave_to_the_actor(number: int, frame: FrameType | None) -> None:
    """Keep the signal from doing what it does by itself."""
