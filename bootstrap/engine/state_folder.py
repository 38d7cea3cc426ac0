"""Writes and removes the state folder of a stack."""

import contextlib
import shutil

from bootstrap.engine.session import Session
from bootstrap.model.stack import Provider, StatePaths
from bootstrap.state.snapshots import snapshot_names
from bootstrap.system.files import write_whole

_KEPT = ("owner", "engine", "provider", "lock", "lease.json", "stack.json")
"""The files that prove the ownership, the provider and the expiry of kept data."""


def remember_provider(session: Session) -> None:
    """Record the provider before anything is created, unless the stack still runs on another one."""
    if session.lives_on is None:
        write_provider(session.state, session.stack.cluster.provider)


def write_provider(state: StatePaths, provider: Provider) -> None:
    """Record the provider: a stack must never exist on two."""
    write_whole(state.provider, f"{provider}\n".encode())


def remove_state(session: Session, *, keep_data: bool = False) -> str:
    """Remove the stack's state folder, and the parent folder of all stacks once it is empty; the detail to print.

    With `keep_data` the files that prove and find the kept data stay, if there are any.
    """
    session.journal.close()
    state = session.state
    kept = [folder for folder in (state.emulator, state.seeds, state.snapshots) if keep_data and folder.exists()]
    if not kept:
        names = snapshot_names(state)
        shutil.rmtree(state.folder, ignore_errors=False)
        with contextlib.suppress(OSError):
            state.folder.parent.rmdir()
        return f"removed, with snapshots: {', '.join(names)}" if names else "removed"
    for entry in state.folder.iterdir():
        if entry not in {*kept, *(state.folder / name for name in _KEPT)}:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    descriptions = {
        state.emulator: "the record of the emulator's data",
        state.seeds: "generated secrets",
        state.snapshots: "snapshots",
    }
    return f"kept: {', '.join(descriptions[folder] for folder in kept)} in {state.folder}"
