"""The run of each verb: read → observe → plan → run → report."""

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bootstrap.config.find import DEFAULT_STACK
from bootstrap.engine.keeping import remember_provider, remove_state
from bootstrap.engine.obtain import fetch_programs, pull_all
from bootstrap.engine.perform import BringCharts, Performer
from bootstrap.engine.planning import Planning, asked, plan_up, planned, wanted_now
from bootstrap.engine.platform import PlanOptions, Platform, RunOptions
from bootstrap.engine.recover import end_leftovers
from bootstrap.engine.run import Report, Watch, run_plan
from bootstrap.model.event import (
    Emit,
    Event,
    Noted,
    Planned,
    RunFinished,
    RunStarted,
)
from bootstrap.model.lease import Term, renewed
from bootstrap.model.observed import Observed, TargetState
from bootstrap.model.release import Note, Release
from bootstrap.model.stack import Provider, Stack
from bootstrap.model.step import Plan, PullChart
from bootstrap.plan import ids
from bootstrap.plan.consent import makes_cluster
from bootstrap.plan.select import before_charts
from bootstrap.plan.teardown import build_teardown
from bootstrap.state.lease import read_lease, write_lease
from bootstrap.state.remembered_stack import remember
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work

_COLLECT_SECONDS = 120.0
_PULL_SECONDS = 60.0


def up(platform: Platform, options: PlanOptions, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    """Make the platform as declared; a no-op when it is.

    Raises:
        InvalidError, RefusedError: before anything was changed.
    """
    began = platform.clock.monotonic()
    with _changing(platform, how, emit, cancel) as told:
        remember(platform.stack, platform.state)
        _renew(platform, how.term, cancel)
        _collect(platform, told, cancel)
        fetch_programs(platform, told)
        cancel = _for_the_run(cancel, how)
        planning, options = asked(platform, plan_up(platform, options, cancel), options, how.ask)
        remember_provider(platform)
        lacking = [step.action.release for step in planning.plan.steps if isinstance(step.action, PullChart)]
        if lacking:
            report = _run_growing(platform, planning, lacking, options, how, emit=told, cancel=cancel)
        else:
            report = _run(
                platform, planning.plan, planning.observed, how, emit=told, cancel=cancel, watch=platform.watch
            )
        _finish(platform, replace(report, seconds=_since(platform, began)), how, told, _where(platform, report))
    return report


def down(platform: Platform, how: RunOptions, *, emit: Emit, cancel: CancelToken, keep_data: bool = False) -> Report:
    """Take away what `up` made, and nothing else; with `keep_data` the next `up` finds the emulator's data.

    Raises:
        RefusedError: another run changes this stack.
    """
    if not platform.state.folder.exists() and _nothing_there(platform, cancel):
        return _already_down(platform, how, emit)
    cancel = _for_the_run(cancel, how)
    with _changing(platform, how, emit, cancel) as told:
        observed = _observe_for_down(platform, cancel)
        marked = platform.ports.leftovers is not None
        plan = build_teardown(platform.stack, observed, marked=marked, keep_data=keep_data)
        report = _run(platform, plan, observed, how, emit=told, cancel=cancel)
        _finish(platform, report, how, told, ())
    return report


@contextlib.contextmanager
def _changing(platform: Platform, how: RunOptions, emit: Emit, cancel: CancelToken) -> Iterator[Emit]:
    """Under the lock, with what a killed run left behind ended; gives where events go."""

    def tell(event: Event) -> None:
        platform.journal.write(event)
        emit(event)

    with hold(platform.state.lock, how.command):
        tell(_started(platform, how))
        for program in end_leftovers(platform.journal, platform.processes, cancel):
            tell(
                Noted(at=platform.clock.now(), note=Note(text=f"ended {program}, which a killed run had left running"))
            )
        yield tell


def _renew(platform: Platform, term: Term | None, cancel: CancelToken) -> None:
    """Begin the stack's time again where that was asked for, or where it was over."""
    held = read_lease(platform.state)
    lease = renewed(held, term, platform.clock.now())
    if lease == held:
        return
    # Those who only see the mark first: killed in between, nobody takes it away too early.
    if platform.ports.leftovers is not None:
        platform.ports.leftovers.lease(lease, cancel)
    write_lease(platform.state, lease)


def _collect(platform: Platform, emit: Emit, cancel: CancelToken) -> None:
    def say(text: str) -> None:
        emit(Noted(at=platform.clock.now(), note=Note(text=text)))

    platform.collect(Work(cancel.within(_COLLECT_SECONDS, "taking away stacks whose time is over"), say))


def _started(platform: Platform, how: RunOptions) -> RunStarted:
    return RunStarted(
        at=platform.clock.now(), command=how.command, stack=platform.stack.name, headline=platform.headline
    )


def _run(  # noqa: PLR0913 - what there is to a run
    platform: Platform,
    plan: Plan,
    observed: Observed,
    how: RunOptions,
    *,
    emit: Emit,
    cancel: CancelToken,
    watch: Callable[[], None] | None = None,
) -> Report:
    emit(Planned(at=platform.clock.now(), plan=plan))
    for note in plan.notes:
        emit(Noted(at=platform.clock.now(), note=note))
    performer = _performer(platform, plan, observed)
    watched = None if watch is None else Watch(after=ids.CLUSTER, check=watch)
    return run_plan(plan, performer, emit, jobs=how.jobs, cancel=cancel, fail_fast=how.fail_fast, watch=watched)


def _run_growing(  # noqa: PLR0913 - what there is to a run
    platform: Platform,
    planning: Planning,
    lacking: Sequence[Release],
    options: PlanOptions,
    how: RunOptions,
    *,
    emit: Emit,
    cancel: CancelToken,
) -> Report:
    """Begin with what needs no charts, and go on with the plan that can be made once those are here."""
    grown: list[Plan] = []

    def bring_charts(releases: Sequence[Release], work: Work) -> str:
        # What cannot be had now is tried again, and told of, by a step of the plan: the other releases go on.
        failed = pull_all(platform, releases, work.within(_PULL_SECONDS, "pulling charts"))
        wanted = wanted_now(platform, options, lambda: planning.observed.cluster.kube, work.cancel)
        grown.append(planned(platform, wanted, planning.observed, options))
        return f"{len(releases) - len(failed)} of {len(releases)} pulled"

    early = before_charts(planning.plan, lacking)
    emit(Planned(at=platform.clock.now(), plan=early))
    performer = _performer(platform, early, planning.observed, bring_charts)
    return run_plan(
        early,
        performer,
        emit,
        jobs=how.jobs,
        cancel=cancel,
        fail_fast=how.fail_fast,
        watch=None if platform.watch is None else Watch(after=ids.CLUSTER, check=platform.watch),
        grow=lambda step: grown.pop() if step == ids.CHARTS and grown else None,
    )


def _performer(
    platform: Platform, plan: Plan, observed: Observed, bring_charts: BringCharts | None = None
) -> Performer:
    return Performer(
        platform.ports,
        observed,
        lambda keep_data: remove_state(platform, keep_data=keep_data),
        makes_cluster=any(makes_cluster(step.action) for step in plan.steps),
        bring_charts=bring_charts,
    )


def _for_the_run(cancel: CancelToken, how: RunOptions) -> CancelToken:
    return cancel.within(how.timeout.total_seconds(), "the run")


def _since(platform: Platform, began: float) -> float:
    return platform.clock.monotonic() - began


def _finish(platform: Platform, report: Report, how: RunOptions, emit: Emit, summary: tuple[str, ...]) -> None:
    code = report.exit_code
    emit(
        RunFinished(
            at=platform.clock.now(),
            exit_code=code,
            seconds=report.seconds,
            counts=report.counts(),
            log=how.log if code else None,
            summary=summary,
        )
    )


def _where(platform: Platform, report: Report) -> tuple[str, ...]:
    """What to tell at the end of `up`: the way in, and what is simulated."""
    if report.exit_code:
        return ()
    told = [f"Kubernetes: export KUBECONFIG={shlex.quote(str(platform.state.kubeconfig))}"]
    cancel = CancelToken(platform.clock).within(5, "the emulator's address")
    emulator = platform.ports.emulator.observe(cancel) if platform.ports.emulator is not None else None
    if emulator is not None and emulator.endpoint is not None:
        told.append(f"AWS: export AWS_ENDPOINT_URL={emulator.endpoint.url}")
    if platform.stack.cluster.provider.simulates_pods:
        told.append("Pods are simulated: the Kubernetes API is real, nothing in a pod runs")
    if (lease := read_lease(platform.state)) is not None:
        until = lease.expires.astimezone().strftime("%Y-%m-%d %H:%M")
        told.append(f"Wanted until {until}: any later run may take it away; longer with --ttl")
    after = f"bootstrap run{_meaning(platform.stack)} -- kubectl get pods -A"
    return (*told, f"Next: bootstrap status {platform.stack.typed}, or: {after}")


def _meaning(stack: Stack) -> str:
    """The options by which `run` means this stack."""
    named = "" if stack.name == DEFAULT_STACK else f" --stack {stack.name}"
    return f"{named} --name {stack.instance}" if stack.instance else named


def _observe_for_down(platform: Platform, cancel: CancelToken) -> Observed:
    """What is there, as far as it can be told: `down` must work on what is half made or broken."""
    cluster = platform.ports.cluster.observe(cancel)
    emulator = None if platform.ports.emulator is None else platform.ports.emulator.observe(cancel)
    if cluster.kube is None or platform.stack.cluster.provider is not Provider.EXISTING:
        return Observed(cluster=cluster, emulator=emulator)  # our own cluster goes with all that is in it
    return Observed(
        cluster=cluster,
        emulator=emulator,
        releases=platform.ports.charts.observe(cluster.kube, cancel),
        inventory=platform.ports.objects.inventory(cluster.kube, cancel),
    )


def _nothing_there(platform: Platform, cancel: CancelToken) -> bool:
    return platform.ports.cluster.observe(cancel).state is TargetState.ABSENT


def _already_down(platform: Platform, how: RunOptions, emit: Emit) -> Report:
    emit(_started(platform, how))
    report = Report(outcomes={}, seconds=0.0)
    _finish(platform, report, how, emit, ("nothing to remove",))
    return report
