"""One run at a time changes a stack."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.files import private_folder


@contextlib.contextmanager
def hold(file: Path, command: str) -> Iterator[None]:
    """Hold the stack's lock; the system frees it when we end, however that happens.

    Raises:
        RefusedError: another run holds it; names its pid and command.
    """
    private_folder(file.parent)
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor, file)
            # `down` removes the folder with the lock in it: what we locked must still be what others will find.
            if _is_current(descriptor, file):
                _sign(descriptor, command)
                yield
                return
        finally:
            os.close(descriptor)


def is_held(file: Path) -> bool:
    """Whether a run holds the stack's lock now."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RefusedError(
            f"another run changes this stack: {_holder(descriptor)}",
            fix=f"wait until it ends, or end it; the lock is {file}",
        ) from None


def _is_current(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int, command: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "command": command}).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        signed = json.loads(os.pread(descriptor, 65536, 0))
    except ValueError:
        return "a run that is starting"
    return f"pid {signed['pid']}, {signed['command']}"
