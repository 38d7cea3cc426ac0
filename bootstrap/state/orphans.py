"""Processes of stacks whose state folder is gone: nothing can go on with them, and nothing else finds them."""

import os
from collections.abc import Iterator
from pathlib import Path

from bootstrap.system.processes import ProcessIdentity, started_at


def orphans(root: Path, *, proc: Path = Path("/proc")) -> Iterator[ProcessIdentity]:
    """Every process of ours that was started for a state folder below `root` that is not there any more.

    What outlives a run has a HOME inside its stack's state folder from its first instruction on: nobody else has.
    None if the system does not show environments of processes (macOS).
    """
    for process in sorted(proc.glob("[0-9]*")):
        home = _home(process)
        stack = None if home is None else _stack(home, root)
        if stack is None or stack.exists():
            continue
        started = started_at(int(process.name))
        # Read again: the pid may have been given away in between.
        if started is not None and _home(process) == home:
            yield ProcessIdentity(pid=int(process.name), started=started, program=_name(process))


def _stack(home: Path, root: Path) -> Path | None:
    """The state folder that the path is in, whatever way leads to the root; None: it is in none."""
    for folder in (root, root.resolve()):
        if home != folder and home.is_relative_to(folder):
            return folder / home.relative_to(folder).parts[0]
    return None


def _home(process: Path) -> Path | None:
    try:
        environment = (process / "environ").read_bytes()
    except OSError:  # it has ended, or belongs to another user
        return None
    home = next((entry for entry in environment.split(b"\0") if entry.startswith(b"HOME=/")), None)
    return None if home is None else Path(os.fsdecode(home).removeprefix("HOME="))


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"
