"""Which port of 127.0.0.1 an emulator is reached at."""

import threading

from bootstrap.errors import RefusedError
from bootstrap.model.stack import EmulatorSpec
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.sockets import LOOPBACK, free_port, holder_of

DEFAULT_PORT = EmulatorSpec().first_port
FIX = "end that program, or set emulator.port to another (0: any)"
_RELEASE_SECONDS = 2.0
_POLL_SECONDS = 0.05


def choose_port(spec: EmulatorSpec, last: int, processes: Processes, cancel: CancelToken) -> int:
    """The declared port; or, if that is 0, the last one, else the one to try first, else any that is free.

    Raises:
        RefusedError: the declared one is in use; names its holder.
    """
    candidates = (spec.port,) if spec.port else (last or spec.first_port, spec.first_port, 0)
    for port in candidates:
        if not is_in_use(port, last, cancel) and (free := free_port(port)) is not None:
            return free
    raise RefusedError(taken(candidates[0], processes, cancel), fix=FIX)


def is_in_use(port: int, last: int, cancel: CancelToken) -> bool:
    """Whether somebody has the port; the last one is waited for a moment."""
    # The threads of a killed process hold its port for a moment after it counts as ended.
    until = cancel.clock.monotonic() + (_RELEASE_SECONDS if port and port == last else 0.0)
    while free_port(port) is None:
        if cancel.clock.monotonic() >= until:
            return True
        cancel.clock.wait(threading.Event(), _POLL_SECONDS)
    return False


def taken(port: int, processes: Processes, cancel: CancelToken) -> str:
    """Who has the port."""
    return f"port {port} of {LOOPBACK} is in use by {holder_of(port, processes, cancel)}"
