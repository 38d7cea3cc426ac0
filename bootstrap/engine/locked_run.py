"""The frame of every run that changes a stack: the lock, the journal, the performed plan, and the end."""

import contextlib
from collections.abc import Iterator

from bootstrap.engine.fix_commands import completed_event
from bootstrap.engine.perform import FetchCharts, Performer
from bootstrap.engine.recover import end_leftovers
from bootstrap.engine.run import Report, Watch, run_plan
from bootstrap.engine.session import RunOptions, Session
from bootstrap.engine.snapshot_keeper import SnapshotKeeper, perform_snapshot
from bootstrap.engine.state_folder import remove_state
from bootstrap.model.event import Emit, Event, Noted, Planned, RunFinished, RunStarted
from bootstrap.model.observed import Observed
from bootstrap.model.release import Note
from bootstrap.model.step import AwaitNodes, LoadImages, Plan
from bootstrap.plan.consent import makes_cluster
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work


@contextlib.contextmanager
def locked_run(
    session: Session, how: RunOptions, emit: Emit, cancel: CancelToken, *, settles: bool = True
) -> Iterator[Emit]:
    """Hold the stack's lock and end what a killed run left behind; gives the function that takes events.

    With `settles` a save or restore of a snapshot that was cut off is finished or undone first.

    Raises:
        RefusedError: another run is changing this stack.
    """

    def journaled(event: Event) -> None:
        event = completed_event(event, session)
        session.journal.write(event)
        emit(event)

    with hold(session.state.lock, how.command):
        journaled(run_started(session, how))
        for program in end_leftovers(session.journal, session.processes, cancel):
            note(session, journaled, f"ended {program}, left running by a killed run")
        if settles and (done := SnapshotKeeper(session).settle(Work(cancel))):
            note(session, journaled, done)
        yield journaled


def run_started(session: Session, how: RunOptions) -> RunStarted:
    """The first event of a run."""
    return RunStarted(at=session.clock.now(), command=how.command, stack=session.stack.name, headline=session.headline)


def note(session: Session, emit: Emit, text: str) -> None:
    """Report a note to the user."""
    emit(Noted(at=session.clock.now(), note=Note(text=text)))


def perform_plan(  # noqa: PLR0913 - what there is to a run
    session: Session,
    plan: Plan,
    observed: Observed,
    how: RunOptions,
    *,
    emit: Emit,
    cancel: CancelToken,
    watch: Watch | None = None,
) -> Report:
    """Report the plan and its notes, then run it."""
    emit(Planned(at=session.clock.now(), plan=plan))
    for noted in plan.notes:
        emit(Noted(at=session.clock.now(), note=noted))
    performer = performer_of(session, plan, observed)
    jobs = session.settings.jobs
    return run_plan(plan, performer, emit, jobs=jobs, cancel=cancel, fail_fast=how.fail_fast, watch=watch)


def performer_of(
    session: Session, plan: Plan, observed: Observed, fetch_charts: FetchCharts | None = None
) -> Performer:
    """The performer of this plan's actions."""
    if session.ports.baked is not None:
        images = [image for step in plan.steps if isinstance(step.action, LoadImages) for image in step.action.images]
        session.ports.baked.expect(images)
    return Performer(
        session.ports,
        observed,
        lambda keep_data: remove_state(session, keep_data=keep_data),
        makes_cluster=any(makes_cluster(step.action) for step in plan.steps),
        awaits_nodes=any(isinstance(step.action, AwaitNodes) for step in plan.steps),
        fetch_charts=fetch_charts,
        snapshots=lambda action, work: perform_snapshot(session, action, work),
    )


def within_the_run(session: Session, cancel: CancelToken) -> CancelToken:
    """The token with the deadline of the whole run."""
    return cancel.within(session.settings.timeout.total_seconds(), "the run")


def finish(session: Session, report: Report, how: RunOptions, emit: Emit, summary: tuple[str, ...] = ()) -> None:
    """Report the end of a run; a failed one with its log."""
    code = report.exit_code
    emit(
        RunFinished(
            at=session.clock.now(),
            exit_code=code,
            seconds=report.seconds,
            counts=report.counts(),
            log=how.log if code else None,
            summary=summary,
        )
    )
