"""Finds processes by their HOME: of stacks that are gone or lost what names them, and of imports that were killed."""

import os
from collections.abc import Iterator
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.filelock import hold
from bootstrap.system.processes import ProcessIdentity, started_at

SEED_IMPORT = "seeds-import"
"""The state folder of `seed import`, whose emulators are temporary."""


def import_leftovers(root: Path, command: str, *, proc: Path = Path("/proc")) -> Iterator[ProcessIdentity]:
    """Every process of a `seed import` that was killed; none while one runs. The next import would end them too."""
    folder = root / SEED_IMPORT
    if not folder.exists():
        return
    try:
        with hold(folder / "lock", command):
            yield from _of_folder(folder, root, proc)
    except RefusedError:
        return


def _of_folder(folder: Path, root: Path, proc: Path) -> Iterator[ProcessIdentity]:
    for process in sorted(proc.glob("[0-9]*")):
        home = _home(process)
        started = started_at(int(process.name)) if home is not None and _stack(home, root) == folder else None
        # Read again: the pid may belong to another process by now.
        if started is not None and _home(process) == home:
            yield ProcessIdentity(pid=int(process.name), started=started, program=_name(process))


def orphans(root: Path, *, only: Path | None = None, proc: Path = Path("/proc")) -> Iterator[ProcessIdentity]:
    """Every process that bootstrap started for a state folder below `root` that does not exist any more.

    `only`: this state folder.

    Long-running programs have a HOME inside their stack's state folder from the start: no other process has.
    None if the system does not show environments of processes (macOS).
    """
    for process in sorted(proc.glob("[0-9]*")):
        home = _home(process)
        stack = None if home is None else _stack(home, root)
        if stack is None or stack.exists() or (only is not None and stack.resolve() != only.resolve()):
            continue
        started = started_at(int(process.name))
        # Read again: the pid may belong to another process by now.
        if started is not None and _home(process) == home:
            yield ProcessIdentity(pid=int(process.name), started=started, program=_name(process))


def leader_at_home(home: Path, *, proc: Path = Path("/proc")) -> ProcessIdentity | None:
    """The program with this HOME that leads its session, as one that bootstrap started does; its children do not."""
    for process in sorted(proc.glob("[0-9]*")):
        if _home(process) != home or not _leads(process):
            continue
        started = started_at(int(process.name))
        if started is not None and _home(process) == home:
            return ProcessIdentity(pid=int(process.name), started=started, program=_name(process))
    return None


def _leads(process: Path) -> bool:
    try:
        return os.getsid(int(process.name)) == int(process.name)
    except OSError:  # it has ended
        return False


def _stack(home: Path, root: Path) -> Path | None:
    """The state folder that contains the path, with symbolic links resolved; None: it is in none."""
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
