"""The stacks that a user has on this machine, read from their state folders."""

import contextlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.model.lease import Lease
from bootstrap.model.stack import Stack, StatePaths
from bootstrap.state.lease import read_lease
from bootstrap.state.remembered_stack import remembered
from bootstrap.system.filelock import hold

_SEEDS = "seeds-"
"""Begins the folders of fixtures that were applied without a stack."""
_BEFORE_ANYTHING = frozenset({"logs", "lock", "journal.jsonl", "lease.json", "ports.json", "ui.json"})
"""The files in a folder whose run was killed before it created anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredStack:
    """One state folder."""

    state: StatePaths
    stack: Stack | None
    """The remembered stack; None: it was never brought up, or another version wrote it."""
    lease: Lease | None
    owner: str
    """The random word in its labels; empty: it has none."""

    @property
    def identity(self) -> str:
        """Its name on this machine: that of its state folder."""
        return self.state.folder.name

    @property
    def contents(self) -> tuple[str, ...]:
        """What was created for it, by the files in its folder."""
        marks = {
            "a cluster": (self.state.cluster, self.state.kubeconfig),
            "an emulator": (self.state.emulator,),
            "resources on the Docker engine": (self.state.folder / "owner",),
            "AWS data": (self.state.seeds,),
        }
        return tuple(name for name, files in marks.items() if any(file.exists() for file in files))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever created for it: its run was killed, or failed, before that."""
        entries = {entry.name for entry in self.state.folder.iterdir()}
        return self.stack is None and entries <= _BEFORE_ANYTHING


def stored_stacks(root: Path) -> tuple[StoredStack, ...]:
    """Every stack whose state is in this folder."""
    if not root.is_dir():
        return ()
    folders = (folder for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(_SEEDS))
    return tuple(_held(StatePaths(folder=folder)) for folder in folders)


def of_project(stacks: Iterable[StoredStack], folder: Path) -> tuple[StoredStack, ...]:
    """Those of the nearest project, from the folder upwards, that has any."""
    readable = [entry for entry in stacks if entry.stack is not None]
    for project in (folder.resolve(), *folder.resolve().parents):
        of_it = tuple(
            candidate
            for candidate in readable
            if candidate.stack is not None and candidate.stack.project.resolve() == project
        )
        if of_it:
            return of_it
    return ()


def is_over(stack: StoredStack, labelled: Mapping[str, datetime | None], now: datetime) -> bool:
    """Whether the stack has expired by its state and, if it has a label on the engine, by that label too.

    A run that was killed between the two writes left the later moment in the label.
    """
    if stack.lease is None or stack.lease.expires > now:
        return False
    expires = labelled.get(stack.owner)
    return expires is None or expires <= now


def abandoned(stacks: Sequence[StoredStack], labelled: Mapping[str, datetime | None], now: datetime) -> tuple[str, ...]:
    """Owners whose labels have expired and whose state is not on this machine: of others only the state decides."""
    here = {stack.owner for stack in stacks}
    return tuple(
        owner for owner, expires in labelled.items() if owner not in here and expires is not None and expires <= now
    )


def discard(stack: StoredStack, command: str) -> None:
    """Remove the folder of a run that was killed before it created anything.

    Raises:
        RefusedError: another run is using it.
    """
    with hold(stack.state.lock, command):
        if stack.is_empty:
            shutil.rmtree(stack.state.folder)
    with contextlib.suppress(OSError):
        stack.state.folder.parent.rmdir()


def _held(state: StatePaths) -> StoredStack:
    try:
        lease = read_lease(state)
    except RefusedError:
        # Damaged: it is not known whether it has expired.
        lease = None
    try:
        owner = (state.folder / "owner").read_text().strip()
    except OSError:
        owner = ""
    return StoredStack(state=state, stack=remembered(state), lease=lease, owner=owner)
