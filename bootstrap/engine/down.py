"""`down`: deletes what `up` created, and nothing else."""

from bootstrap.engine.locked_run import finish, locked_run, perform_plan, run_started, within_the_run
from bootstrap.engine.run import Report
from bootstrap.engine.session import RunOptions, Session
from bootstrap.model.event import Emit
from bootstrap.model.observed import Observed, TargetState
from bootstrap.model.stack import Provider
from bootstrap.model.step import Plan
from bootstrap.plan.teardown import build_teardown
from bootstrap.state.snapshots import snapshot_names
from bootstrap.system.clock import CancelToken


def down(session: Session, how: RunOptions, *, emit: Emit, cancel: CancelToken, keep_data: bool = False) -> Report:
    """Delete what `up` created, and nothing else; with `keep_data` the next `up` starts with the emulator's data.

    Raises:
        RefusedError: another run is changing this stack.
    """
    if is_down(session, cancel):
        return _already_down(session, how, emit)
    cancel = within_the_run(session, cancel)
    with locked_run(session, how, emit, cancel, settles=False) as journaled:
        plan, observed = plan_down(session, cancel, keep_data=keep_data)
        report = perform_plan(session, plan, observed, how, emit=journaled, cancel=cancel)
        finish(session, report, how, journaled)
    return report


def is_down(session: Session, cancel: CancelToken) -> bool:
    """Whether there is nothing to remove."""
    gone = not session.state.folder.exists() and not session.ports.orphaned
    return gone and session.ports.cluster.observe(cancel).state is TargetState.ABSENT


def plan_down(session: Session, cancel: CancelToken, *, keep_data: bool = False) -> tuple[Plan, Observed]:
    """The plan of `down`, and the observed state it was made from; changes nothing."""
    observed = _observe_for_down(session, cancel)
    labelled = session.ports.leftovers is not None
    plan = build_teardown(
        session.stack, observed, labelled=labelled, keep_data=keep_data, snapshots=snapshot_names(session.state)
    )
    return plan, observed


def _observe_for_down(session: Session, cancel: CancelToken) -> Observed:
    """The observed state, as far as it can be read: `down` must work on incomplete and broken stacks."""
    ports = session.ports
    cluster = ports.cluster.observe(cancel)
    emulator = None if ports.emulator is None else ports.emulator.observe(cancel)
    if cluster.kube is None or session.stack.cluster.provider is not Provider.EXISTING:
        return Observed(cluster=cluster, emulator=emulator)  # our own cluster goes with all that is in it
    return Observed(
        cluster=cluster,
        emulator=emulator,
        releases=ports.charts.observe(cluster.kube, cancel),
        inventory=ports.objects.inventory(cluster.kube, cancel),
    )


def _already_down(session: Session, how: RunOptions, emit: Emit) -> Report:
    emit(run_started(session, how))
    report = Report(outcomes={}, seconds=0.0)
    finish(session, report, how, emit, ("nothing to remove",))
    return report
