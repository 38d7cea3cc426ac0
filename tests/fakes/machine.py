"""What tests of real emulators share."""

from collections.abc import Callable
from pathlib import Path

from bootstrap.emulators.process import ProcessEmulator

Make = Callable[..., ProcessEmulator]
"""Makes the emulator of one stack anew, as each run does, with changed fields of its spec."""


def quiet(_text: str) -> None:
    """Say nothing."""


def descendants(pid: int) -> set[int]:
    """The process and all below it."""
    pids = {pid}
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        pids.update(below)
        waiting.extend(below)
    return pids
