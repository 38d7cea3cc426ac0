"""`snapshot` and `reset`: save, restore, remove and compare the data of a whole platform."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bootstrap.engine.locked_run import finish, locked_run, note, perform_plan, within_the_run
from bootstrap.engine.run import Report
from bootstrap.engine.session import RunOptions, Session
from bootstrap.engine.snapshot_keeper import SnapshotKeeper
from bootstrap.errors import RefusedError
from bootstrap.model.event import Emit, Status
from bootstrap.model.observed import ClusterObserved, Observed, TargetState
from bootstrap.model.snapshot import AFTER_UP, Changed, changed_since
from bootstrap.model.step import Action, Plan, RestoreSnapshot, SaveSnapshot, Step, StepId
from bootstrap.state.snapshot_file import import_snapshot
from bootstrap.state.snapshots import folder_of, read_manifest, remove_partial, snapshot_names
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work

TIMEOUT = timedelta(minutes=10)


def save(
    session: Session, name: str, how: RunOptions, *, emit: Emit, cancel: CancelToken, overwrite: bool = False
) -> Report:
    """Save everything of the stack as it is now.

    Raises:
        UsageError, RefusedError: before anything was stopped.
    """
    refuse_absent(session)
    cancel = within_the_run(session, cancel)
    with locked_run(session, how, emit, cancel) as journaled:
        SnapshotKeeper(session).check_save(name, cancel, overwrite=overwrite)
        return _performed(session, save_plan(name, overwrite=overwrite), how, journaled, cancel)


def restore(session: Session, name: str, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    """Make everything of the stack as it was when the snapshot was saved.

    Raises:
        UsageError, RefusedError: before anything was stopped.
    """
    refuse_absent(session)
    cancel = within_the_run(session, cancel)
    with locked_run(session, how, emit, cancel) as journaled:
        SnapshotKeeper(session).check_restore(name, cancel)
        return _performed(session, restore_plan(name), how, journaled, cancel)


def with_after_up(
    session: Session, report: Report, how: RunOptions, *, remember: Callable[[], None], emit: Emit, cancel: CancelToken
) -> Report:
    """Save the snapshot `after-up` if that is asked for, something was changed, or there is none; the whole report.

    A stack that `up` found as declared may hold what somebody did to it since: that is not saved.
    """
    changed = any(outcome.status is Status.DONE for outcome in report.outcomes.values())
    asked = how.snapshot or session.stack.snapshot_after_up
    if report.exit_code or not asked or not (changed or AFTER_UP not in snapshot_names(session.state)):
        return report
    remember()
    plan = save_plan(AFTER_UP, overwrite=True)
    nothing = Observed(cluster=ClusterObserved(state=TargetState.ABSENT))
    saved = perform_plan(session, plan, nothing, how, emit=emit, cancel=cancel)
    return replace(saved, outcomes={**report.outcomes, **saved.outcomes})


def begin_from_file(session: Session, file: Path, emit: Emit, cancel: CancelToken) -> None:
    """Lay the data of an exported snapshot where this run of `up` finds it; a stack that is there stays as it is.

    Raises:
        RefusedError: the file is not a snapshot of this stack, or does not fit it.
    """
    if session.lives:
        note(session, emit, f"the stack is there already: {file} is not used")
        return
    work = Work(cancel, lambda text: note(session, emit, text))
    manifest = import_snapshot(session.state, file, cancel, overwrite=True)
    SnapshotKeeper(session).place(manifest.name, work)
    note(session, emit, f"begins with snapshot {manifest.name} of {file}")


def save_plan(name: str, *, overwrite: bool) -> Plan:
    """The plan of `save`."""
    return _plan(name, SaveSnapshot(name=name, overwrite=overwrite), "the data of now")


def restore_plan(name: str) -> Plan:
    """The plan of `restore`."""
    return _plan(name, RestoreSnapshot(name=name), "back to the data of then")


def remove(session: Session, name: str, command: str) -> None:
    """Remove a snapshot.

    Raises:
        RefusedError: there is none of this name, another run is changing this stack, or one was cut off.
    """
    refuse_absent(session)
    folder = folder_of(session.state, name)
    with hold(session.state.lock, command):
        unfinished = session.state.unfinished
        if unfinished.exists():
            raise RefusedError(
                f"a snapshot of stack {session.stack.name} is being saved or restored, and was cut off",
                fix=f"finish that first: {session.up_command}",
            )
        if not folder.exists():
            read_manifest(session.state, name)
        # Renamed first: a part of a snapshot must not pass for one.
        gone = folder.with_name(f".saving-{name}.removed")
        folder.rename(gone)
        shutil.rmtree(gone)
        remove_partial(session.state)


def changes_since(session: Session, name: str, cancel: CancelToken) -> tuple[Changed, Changed]:
    """What changed in the cluster, and in the emulator, since the snapshot was saved.

    Raises:
        RefusedError: there is no such snapshot, or the platform is not up.
    """
    refuse_absent(session)
    before, now = SnapshotKeeper(session).changed_contents(name, cancel)
    return changed_since(before.objects, now.objects), changed_since(before.resources, now.resources)


def reset_name(session: Session) -> str:
    """The snapshot that `reset` restores: the one that `up` made, else the only one that there is.

    Raises:
        RefusedError: there is none, or several that somebody saved by hand.
    """
    refuse_absent(session)
    names = snapshot_names(session.state)
    if AFTER_UP in names:
        return AFTER_UP
    if len(names) == 1:
        return names[0]
    up = session.up_command
    if names:
        raise RefusedError(
            f"stack {session.stack.name} has no snapshot {AFTER_UP}, and several others: {', '.join(names)}",
            fix=f"name one: bootstrap snapshot restore {names[0]}; or make one with every up: {up} --snapshot",
        )
    raise RefusedError(f"stack {session.stack.name} has no snapshot", fix=f"make one with every up: {up} --snapshot")


def refuse_absent(session: Session) -> None:
    """Return if the stack was ever brought up.

    Raises:
        RefusedError: it was not, or it was removed.
    """
    if not session.state.folder.exists():
        raise RefusedError(f"stack {session.stack.name} is not up", fix=f"run: {session.up_command}")


def _performed(session: Session, plan: Plan, how: RunOptions, emit: Emit, cancel: CancelToken) -> Report:
    nothing = Observed(cluster=ClusterObserved(state=TargetState.ABSENT))
    report = perform_plan(session, plan, nothing, how, emit=emit, cancel=cancel)
    finish(session, report, how, emit)
    return report


def _plan(name: str, action: Action, reason: str) -> Plan:
    return Plan(steps=(Step(id=StepId(f"snapshot/{name}"), action=action, reason=reason, timeout=TIMEOUT),))
