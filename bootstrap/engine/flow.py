"""The run of each verb: read → observe → plan → run → report."""

import contextlib
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from bootstrap.clock import CancelToken, Clock
from bootstrap.config.find import DEFAULT_STACK
from bootstrap.engine.files import write_whole
from bootstrap.engine.journal import Journal
from bootstrap.engine.lease import read_lease, write_lease
from bootstrap.engine.lock import hold
from bootstrap.engine.observe import observe
from bootstrap.engine.perform import BringCharts, Performer
from bootstrap.engine.ports import Ports
from bootstrap.engine.recover import end_leftovers
from bootstrap.engine.remembered import remember
from bootstrap.engine.run import Report, Watch, run_plan
from bootstrap.errors import BootstrapError, CancelledError, InvalidError, Place, Problem
from bootstrap.model.event import (
    Emit,
    Event,
    Noted,
    Outcome,
    Planned,
    RunFinished,
    RunStarted,
    Say,
    Status,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.lease import Term, renewed
from bootstrap.model.observed import Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release, UnknownChart
from bootstrap.model.stack import Provider, Stack, StatePaths
from bootstrap.model.status import Health
from bootstrap.model.step import ApplyObjects, EnsureCluster, InstallRelease, Plan, PullChart, StepId
from bootstrap.plan import ids
from bootstrap.plan.build import Wanted, build_plan
from bootstrap.plan.select import before_charts, select
from bootstrap.plan.teardown import build_teardown
from bootstrap.plan.units import cut
from bootstrap.process import Processes

PROGRAMS = StepId("programs")
"""What is told before there is a plan: programs are fetched or built."""
_COLLECT_SECONDS = 120.0
_KEPT = ("owner", "engine", "provider", "lock", "lease.json", "stack.json")
"""What says whose kept data is, where it lives, and until when."""

_PULLS_AT_ONCE = 4
_PULL_SECONDS = 60.0

Infer: TypeAlias = Callable[[Wanted], Sequence[tuple[str, str, str]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """One stack with everything that can act for it."""

    stack: Stack
    """`auto` resolved."""
    state: StatePaths
    ports: Ports
    processes: Processes
    journal: Journal
    clock: Clock
    read: Callable[[CancelToken], FluxRepo]
    """Reads the stack's repository."""
    check: Callable[[], object]
    """Reads everything else that the stack names, the fixtures; raises InvalidError."""
    preflight: Callable[[Wanted, Sequence[str]], Sequence[Note]]
    """What will likely not work as meant in these steps."""
    infer: Infer
    """Reads more edges from rendered manifests."""
    health: Callable[[Sequence[ObjectRef], str, KubeContext, CancelToken], Mapping[ObjectRef, tuple[Health, str]]]
    """How objects are right now; those without a namespace are looked for in the one given."""
    configuration: Callable[[], Mapping[str, Any] | None]
    """What the program that makes the cluster is given; None where there is none. Raises InvalidError."""
    watch: Callable[[], None] | None
    """Raises StepFailedError when the cluster that runs has lost a part of itself; cheap enough for every second."""
    lacking: Callable[[], Sequence[str]]
    """The programs that reading, planning and running need and that are not here."""
    fetch: Callable[[Say], None]
    """Brings them."""
    headline: str
    """What the first line says of provider and simulation."""
    collect: Callable[[Say, CancelToken], None] = lambda _say, _cancel: None
    """Takes away other stacks whose time is over, and tells of each; what cannot be, is told of too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOptions:
    """Which part of the plan, and what to do with what left the repository."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    prune: bool = False
    strict: bool = False
    """Notes are problems."""
    tolerant: bool = False
    """For who only looks: what is wrong with the repository is told beside the plan, see `Planning.failures`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a plan is run."""

    command: str
    """As typed, for the journal and the lock."""
    jobs: int = 4
    fail_fast: bool = False
    timeout: timedelta = timedelta(minutes=30)
    """For the whole run; bringing programs that are missing, which is done once, does not count."""
    log: str | None = None
    """Where the full log is written."""
    term: Term | None = None
    """How long the stack lives from now; None: as before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planning:
    """A plan with what it was made of."""

    plan: Plan
    wanted: Wanted
    observed: Observed
    configuration: Mapping[str, Any] | None = None
    """What the program that makes the cluster is given."""

    @property
    def failures(self) -> tuple[BootstrapError, ...]:
        """What keeps this plan from being run to its end."""
        return failures_of(self.wanted.repo, self.wanted.prepared.values())


def failures_of(repo: FluxRepo, prepared: Iterable[PreparedRelease]) -> tuple[BootstrapError, ...]:
    """What is wrong with a repository and its releases, each once."""
    read = (InvalidError(repo.problems),) if repo.problems else ()
    told = {one.failure.what: one.failure for one in prepared if one.failure is not None}
    return (*read, *told.values())


def plan_up(platform: Platform, options: PlanOptions, cancel: CancelToken) -> Planning:
    """Read, observe and plan; changes nothing.

    Raises:
        InvalidError: the files are wrong, or with `strict` there is something to note.
        RefusedError: something foreign is in the way.
    """
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="plan") as pool:
        configuration = platform.configuration()
        checking = pool.submit(platform.check)
        observing = pool.submit(observe, platform.ports, cancel)
        wanted = _wanted(platform, options, cancel)
        checking.result()
        observed = observing.result()
    plan = _planned(platform, wanted, observed, options)
    return Planning(plan=plan, wanted=wanted, observed=observed, configuration=configuration)


def _planned(platform: Platform, wanted: Wanted, observed: Observed, options: PlanOptions) -> Plan:
    plan = select(build_plan(wanted, observed), only=options.only, skip=options.skip)
    plan = replace(plan, notes=(*plan.notes, *platform.preflight(wanted, _applied(plan))))
    unexpected = [note for note in plan.notes if not note.expected]
    if options.strict and unexpected:
        nowhere = Place(file=platform.stack.name)
        raise InvalidError([Problem(place=note.place or nowhere, text=note.text) for note in unexpected])
    return plan


def _applied(plan: Plan) -> tuple[StepId, ...]:
    """The steps that bring objects into the cluster."""
    return tuple(step.id for step in plan.steps if isinstance(step.action, InstallRelease | ApplyObjects))


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
        planning = plan_up(platform, options, cancel)
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


def lint_all(platform: Platform, say: Say, cancel: CancelToken) -> tuple[tuple[Note, ...], tuple[BootstrapError, ...]]:
    """All that can be said against the stack without a cluster, and what is wrong; charts are pulled first.

    Raises:
        InvalidError: its stack file or its fixtures are wrong.
    """
    repo = platform.read(cancel)
    platform.check()
    prepared = {one.release.id: one for one in prepare_all(platform, repo.releases, say, cancel)}
    wanted = Wanted(stack=platform.stack, repo=repo, prepared=prepared)
    units = cut(platform.stack, repo).listed
    steps = [ids.objects(one.id) if isinstance(one, Kustomization) else ids.release(one.id) for one in units]
    # A suspended release is looked at too: its day may come.
    steps += [ids.release(one.id) for one in repo.releases]
    notes = (*repo.notes, *platform.preflight(wanted, steps))
    return notes, failures_of(repo, prepared.values())


def prepare_all(
    platform: Platform, releases: Sequence[Release], say: Say, cancel: CancelToken
) -> tuple[PreparedRelease, ...]:
    """The releases, rendered; charts that are not in the cache are pulled first.

    A chart that cannot be had is the `failure` of its releases.
    """
    prepared = platform.ports.charts.prepare(releases, cancel)
    lacking = [one for one in releases if _is_to_be_pulled(prepared[one.id])]
    failed = {} if not lacking else _pull_all(platform, lacking, say, cancel)
    if lacking:
        prepared = platform.ports.charts.prepare(releases, cancel)
    return tuple(replace(prepared[one.id], failure=prepared[one.id].failure or failed.get(one.id)) for one in releases)


def _is_to_be_pulled(prepared: PreparedRelease) -> bool:
    unknown = isinstance(prepared.release.chart, UnknownChart)
    return prepared.chart_digest is None and prepared.failure is None and not unknown


def _pull_all(
    platform: Platform, releases: Sequence[Release], say: Say, cancel: CancelToken
) -> Mapping[str, BootstrapError]:
    """Pull each chart once, several at a time; what was wrong, by release."""
    users: dict[str, list[Release]] = {}
    for one in releases:
        users.setdefault(repr((one.chart, one.values_files)), []).append(one)

    def pull(group: Sequence[Release]) -> BootstrapError | None:
        try:
            platform.ports.charts.pull(group[0], cancel, say)
        except CancelledError:
            raise
        except BootstrapError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=_PULLS_AT_ONCE, thread_name_prefix="pull") as pool:
        ended = list(pool.map(pull, users.values()))
    return {one.id: error for group, error in zip(users.values(), ended, strict=True) if error for one in group}


def fetch_programs(platform: Platform, emit: Emit) -> None:
    """Bring the programs that are missing, told as a step of its own before there can be a plan.

    Raises:
        RefusedError: one can neither be found nor fetched nor built.
    """
    lacking = platform.lacking()
    if not lacking:
        return
    clock, started = platform.clock, platform.clock.monotonic()
    emit(StepStarted(at=clock.now(), step=PROGRAMS, reason=f"not here: {', '.join(lacking)}"))

    def say(text: str) -> None:
        emit(StepProgress(at=clock.now(), step=PROGRAMS, text=text))

    def finish(outcome: Outcome) -> None:
        seconds = clock.monotonic() - started
        emit(StepFinished(at=clock.now(), step=PROGRAMS, outcome=outcome, seconds=seconds))

    try:
        platform.fetch(say)
    except BootstrapError as error:
        finish(Outcome(status=Status.FAILED, detail=error.what, error=error))
        raise
    finish(Outcome(status=Status.DONE, detail=f"{', '.join(lacking)}: here now"))


def remember_provider(platform: Platform) -> None:
    """Note where the stack lives before anything of it is made there: it must never live in two places."""
    write_whole(platform.state.provider, f"{platform.stack.cluster.provider}\n".encode())


def remove_state(platform: Platform, *, keep_data: bool = False) -> str:
    """Remove the stack's state folder, and the one that holds all stacks' once it is empty; what to tell of it.

    With `keep_data` all stays that proves and finds what was kept, where anything was.
    """
    platform.journal.close()
    state = platform.state
    kept = [folder for folder in (state.emulator, state.seeds) if keep_data and folder.exists()]
    if not kept:
        shutil.rmtree(state.folder, ignore_errors=False)
        with contextlib.suppress(OSError):
            state.folder.parent.rmdir()
        return "removed"
    for entry in state.folder.iterdir():
        if entry not in {*kept, *(state.folder / name for name in _KEPT)}:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    told = {state.emulator: "what finds the emulator's data", state.seeds: "generated secrets"}
    return f"kept: {', '.join(told[folder] for folder in kept)} in {state.folder}"


def _wanted(platform: Platform, options: PlanOptions, cancel: CancelToken) -> Wanted:
    repo = platform.read(cancel)
    if repo.problems and not options.tolerant:
        raise InvalidError(repo.problems)
    prepared = platform.ports.charts.prepare(repo.releases, cancel)
    wanted = Wanted(stack=platform.stack, repo=repo, prepared=prepared, prune=options.prune)
    wanted = replace(wanted, preload=platform.ports.images is not None)
    return replace(wanted, inferred=platform.infer(wanted))


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

    platform.collect(say, cancel.within(_COLLECT_SECONDS, "taking away stacks whose time is over"))


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

    def bring_charts(releases: Sequence[Release], token: CancelToken, say: Say) -> str:
        # What cannot be had now is tried again, and told of, by a step of the plan: the other releases go on.
        failed = _pull_all(platform, releases, say, token.within(_PULL_SECONDS, "pulling charts"))
        grown.append(_planned(platform, _wanted(platform, options, token), planning.observed, options))
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
        makes_cluster=any(isinstance(step.action, EnsureCluster) for step in plan.steps),
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
    if platform.stack.cluster.provider is Provider.KWOK:
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
