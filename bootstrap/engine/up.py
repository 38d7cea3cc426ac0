"""`up` creates and changes the platform as declared; `repair` and `resume` start what exists."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from bootstrap.engine.bake import with_baked_nodes
from bootstrap.engine.bundle import supply
from bootstrap.engine.fix_commands import selection, verb_command
from bootstrap.engine.locked_run import (
    finish,
    locked_run,
    note,
    perform_plan,
    performer_of,
    within_the_run,
)
from bootstrap.engine.obtain import fetch_programs, pull_all
from bootstrap.engine.plan import Planning, asked, desired_now, plan_up, planned_live
from bootstrap.engine.run import Report, Watch, run_plan
from bootstrap.engine.session import PlanOptions, RunOptions, Session
from bootstrap.engine.snapshot import begin_from_file, with_after_up
from bootstrap.engine.stack_recorder import StackRecorder
from bootstrap.engine.state_folder import remember_provider
from bootstrap.engine.urls import addresses
from bootstrap.errors import RefusedError
from bootstrap.model.event import Emit, Event, Planned
from bootstrap.model.lease import Lease, Term, renewed
from bootstrap.model.release import Release
from bootstrap.model.step import Plan, PullChart
from bootstrap.plan import ids
from bootstrap.plan.select import before_charts, targets
from bootstrap.state.lease import read_lease, write_lease
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_COLLECT_SECONDS = 120.0
_PULL_SECONDS = 60.0
_LOOK_SECONDS = 5.0


def up(session: Session, options: PlanOptions, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    """Create and change the platform as declared; changes nothing if it is so already.

    Raises:
        InvalidError, RefusedError: before anything was changed.
    """
    began = session.clock.monotonic()
    with locked_run(session, how, emit, cancel) as journaled:
        recorder = StackRecorder(session, selected=bool(options.only or options.skip))

        def remembered(event: Event) -> None:
            recorder.write(event)
            journaled(event)

        supply(session, how, journaled, cancel)
        _renew(session, how.term, cancel)
        _collect(session, journaled, cancel)
        if text := flags_missing(session):
            note(session, journaled, text)
        fetch_programs(session, journaled, cancel)
        if how.from_snapshot is not None:
            begin_from_file(session, how.from_snapshot, journaled, cancel)
        report = _perform(session, options, how, emit=remembered, cancel=within_the_run(session, cancel))
        if not (options.only or options.skip):
            report = with_after_up(
                session,
                report,
                how,
                remember=recorder.remember_all,
                emit=remembered,
                cancel=within_the_run(session, cancel),
            )
            report = with_baked_nodes(session, report, how, emit=remembered, cancel=within_the_run(session, cancel))
        report = replace(report, seconds=session.clock.monotonic() - began)
        finish(session, report, how, remembered, _closing_lines(session, report))
    return report


def revive(session: Session, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    """Bring cluster, emulator and its data back after a restart or `pause`; charts are unchanged.

    Raises:
        InvalidError, RefusedError: before anything was changed.
    """
    return up(session, PlanOptions(only=targets(session.stack), start_only=True), how, emit=emit, cancel=cancel)


def flags_missing(session: Session) -> str:
    """What differs from the last `up` only because its flags are not given now; empty where something else differs."""
    different = session.differences
    if not (session.lives and different and all(difference.for_lack_of_a_flag for difference in different)):
        return ""
    text = "; ".join(map(str, different))
    last = f". The last command line: {session.last_command}" if session.last_command else ""
    return f"flags of the last run are missing: {text}{last}"


def _perform(session: Session, options: PlanOptions, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    planning, options = asked(session, plan_up(session, options, cancel), options, how.ask)
    remember_provider(session)
    lacking = [step.action.release for step in planning.plan.steps if isinstance(step.action, PullChart)]
    if lacking:
        return _perform_growing(session, planning, lacking, options, how, emit=emit, cancel=cancel)
    watch = _watch(session)
    return perform_plan(session, planning.plan, planning.observed, how, emit=emit, cancel=cancel, watch=watch)


def _watch(session: Session) -> Watch:
    """Ends the run if the cluster loses a node or a process."""
    return Watch(after=ids.CLUSTER, check=session.ports.cluster.check)


def _renew(session: Session, term: Term | None, cancel: CancelToken) -> None:
    """Renew the stack's lease if `--ttl` is given or it has expired."""
    before = _lease_before(session, term)
    lease = renewed(before, term, session.clock.now())
    if lease == before:
        return
    # The label first: if this run is killed in between, nobody removes the stack too early.
    if session.ports.leftovers is not None:
        session.ports.leftovers.lease(lease, cancel)
    write_lease(session.state, lease)


def _lease_before(session: Session, term: Term | None) -> Lease | None:
    """The stack's lease; a damaged one is as none where `--ttl` gives another."""
    try:
        return read_lease(session.state)
    except RefusedError:
        if term is None:
            raise
        return None


def _collect(session: Session, emit: Emit, cancel: CancelToken) -> None:
    if session.ports.others is not None:
        within = cancel.within(_COLLECT_SECONDS, "removing stacks that have expired")
        session.ports.others.collect(Work(within, lambda text: note(session, emit, text)))


def _perform_growing(  # noqa: PLR0913 - what there is to a run
    session: Session,
    planning: Planning,
    lacking: Sequence[Release],
    options: PlanOptions,
    how: RunOptions,
    *,
    emit: Emit,
    cancel: CancelToken,
) -> Report:
    """Start with the steps that need no charts, and continue with the full plan once the charts are pulled."""
    grown: list[Plan] = []

    def fetch_charts(releases: Sequence[Release], work: Work) -> str:
        # A chart that cannot be pulled now is tried again, and reported, by its own step: the other releases continue.
        failed = pull_all(session, releases, work.within(_PULL_SECONDS, "pulling charts"))
        desired = desired_now(session, options, lambda: planning.observed.cluster.kube, work.cancel)
        plan, _ = planned_live(session, desired, planning.observed, options, work.cancel)
        grown.append(plan)
        return f"{len(releases) - len(failed)} of {len(releases)} pulled"

    early = before_charts(planning.plan, lacking)
    emit(Planned(at=session.clock.now(), plan=early))
    return run_plan(
        early,
        performer_of(session, early, planning.observed, fetch_charts),
        emit,
        jobs=session.settings.jobs,
        cancel=cancel,
        fail_fast=how.fail_fast,
        watch=_watch(session),
        grow=lambda step: grown.pop() if step == ids.CHARTS and grown else None,
    )


def _closing_lines(session: Session, report: Report) -> tuple[str, ...]:
    """The last lines of `up`: the addresses, and what is simulated."""
    if report.exit_code:
        return ()
    lines = [f"Kubernetes: export KUBECONFIG={shlex.quote(str(session.state.kubeconfig))}"]
    cancel = CancelToken(session.clock).within(_LOOK_SECONDS, "the emulator's address")
    emulator = session.ports.emulator.observe(cancel) if session.ports.emulator is not None else None
    if emulator is not None and emulator.endpoint is not None:
        lines.append(f"AWS: export AWS_ENDPOINT_URL={emulator.endpoint.url}")
    lines.extend(addresses(session, CancelToken(session.clock)))
    if session.stack.cluster.provider.simulates_pods:
        lines.append("Pods are simulated: the Kubernetes API is real, nothing in a pod runs")
    if (lease := read_lease(session.state)) is not None:
        until = lease.expires.astimezone().strftime("%Y-%m-%d %H:%M")
        lines.append(f"Expires {until}: any later run of bootstrap may remove it; keep it longer with --ttl")
    status = verb_command("status", session.command, session.stack)
    return (*lines, f"Next: {status}, or: bootstrap run{selection(session.stack)} -- kubectl get pods -A")
