"""One run of a verb: its token, its renderers, its signals."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Protocol, TextIO

from bootstrap.charts.lockfile import read_lock, write_lock
from bootstrap.cli.consent import asking
from bootstrap.cli.machine import new_token
from bootstrap.cli.options import StackOptions, TellOptions, settings_of, typed
from bootstrap.cli.session import Opened, open_stack
from bootstrap.config.flags import SettingFlags
from bootstrap.config.settings import Settings
from bootstrap.console.choose import choose_renderer
from bootstrap.console.json_lines import JsonRenderer
from bootstrap.console.log_file import LogRenderer, log_path
from bootstrap.console.mask import SECRETS
from bootstrap.console.renderer import FanOut, Renderer
from bootstrap.console.results.manifests import Rendered
from bootstrap.console.stream import write_result, write_text
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.engine.consent import Ask, ask_nobody
from bootstrap.engine.diff import differences
from bootstrap.engine.obtain import definitions_of, fetch_programs, prepare_all
from bootstrap.engine.planning import Planning, failures_of, lint_all, plan_up
from bootstrap.engine.platform import PlanOptions, Platform, RunOptions
from bootstrap.engine.status import read_status
from bootstrap.errors import BootstrapError, ExitCode, RefusedError, raise_all
from bootstrap.kube.dry_run import KubeDifferences, ObjectDifference
from bootstrap.model.event import Emit
from bootstrap.model.lease import Term
from bootstrap.model.observed import TargetState
from bootstrap.model.release import Note
from bootstrap.model.status import StatusReport
from bootstrap.plan import ids
from bootstrap.plan.ids import find_step
from bootstrap.seeds.generated_secrets import generated_values
from bootstrap.state.paths import create_state
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import hold
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """All that a verb which runs a plan needs."""

    platform: Platform
    emit: Emit
    cancel: CancelToken
    settings: Settings
    log: str
    ask: Ask = ask_nobody

    def how(self, *, fail_fast: bool = False, term: Term | None = None) -> RunOptions:
        """How the plan is run, as the command line and the settings say."""
        settings = self.settings
        return RunOptions(
            command=typed(),
            jobs=settings.jobs,
            fail_fast=fail_fast,
            timeout=settings.timeout,
            log=self.log,
            term=term,
            ask=self.ask,
        )


class Find(Protocol):
    """Finds the stack that is meant."""

    def __call__(self, options: StackOptions, *, cancel: CancelToken, settings: Settings) -> Opened:
        """See `open_stack`."""
        ...


@contextlib.contextmanager
def running(
    verb: str, stack: StackOptions, tell: TellOptions, flags: SettingFlags, *, find: Find = open_stack
) -> Iterator[Run]:
    """A run that is told as the options say, logged in full, and stopped by Ctrl-C."""
    settings = settings_of(stack, flags)
    cancel = new_token()
    opened = find(stack, cancel=cancel, settings=settings)
    state = opened.platform.state
    SECRETS.register(*generated_values(state.seeds))
    log = log_path(state.logs, verb, cancel.clock.now())
    shown = _shown(tell, settings, cancel)
    renderers: list[Renderer] = [shown]
    if verb == "up":
        create_state(state)
    if state.folder.exists():
        renderers.append(LogRenderer(log))
    with contextlib.ExitStack() as stack_of_files:
        if tell.events is not None:
            renderers.append(
                JsonRenderer(_EventsFile(stack_of_files.enter_context(tell.events.open("a" if tell.more else "w"))))
            )
        emit = FanOut(renderers)
        stack_of_files.callback(emit.close)
        as_json = (tell.progress or settings.progress) == "json"
        stack_of_files.enter_context(interruptible(cancel, opened.processes, quiet=as_json))
        yield Run(
            platform=opened.platform,
            emit=emit,
            cancel=cancel,
            settings=settings,
            log=str(log),
            ask=asking(shown, stdin=sys.stdin, stderr=sys.stderr, environment=os.environ),
        )


class _EventsFile:
    """Where --events goes: whoever follows the file sees each event at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _shown(tell: TellOptions, settings: Settings, cancel: CancelToken) -> Renderer:
    return choose_renderer(
        tell.progress or settings.progress,
        verbosity=tell.verbosity,
        color=tell.color,
        stderr=sys.stderr,
        environment=os.environ,
        clock=cancel.clock,
    )


def planning(stack: StackOptions, tell: TellOptions, flags: SettingFlags, options: PlanOptions) -> Planning:
    """A plan, with the programs that making it needs fetched first."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        return plan_up(opened.platform, options, cancel)


def status_of(stack: StackOptions, tell: TellOptions, flags: SettingFlags) -> StatusReport:
    """How the stack is now."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        return read_status(opened.platform, cancel)


def rendering(stack: StackOptions, tell: TellOptions, flags: SettingFlags, release: str | None) -> Rendered:
    """All that a stack would install, or the release that is named; charts that are not here are pulled first."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        repo = opened.platform.read(cancel)
        definitions = definitions_of(repo)
        if release is not None:
            wanted = find_step(release, [ids.release(one.id) for one in repo.releases])
            named = tuple(one for one in repo.releases if ids.release(one.id) == wanted)
            repo = replace(repo, releases=named, kustomizations=())
        prepared = prepare_all(opened.platform, repo.releases, definitions, Work(cancel, told_on_stderr))
        return Rendered(releases=prepared, kustomizations=repo.kustomizations, failures=failures_of(repo, prepared))


def linting(
    stack: StackOptions, tell: TellOptions, flags: SettingFlags
) -> tuple[tuple[Note, ...], tuple[BootstrapError, ...]]:
    """All that can be said against a stack without a cluster, and what is wrong with it."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        return lint_all(opened.platform, Work(cancel, told_on_stderr))


def differing(
    stack: StackOptions, tell: TellOptions, flags: SettingFlags
) -> Iterator[tuple[str, Sequence[ObjectDifference]]]:
    """What up would change in the running cluster, by unit."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        planned = plan_up(opened.platform, PlanOptions(), cancel)
        yield from differences(planned, KubeDifferences(opened.processes, opened.platform.state.folder.name), cancel)


def loading(stack: StackOptions, images: Sequence[str]) -> None:
    """Copy images to every machine of a stack's cluster.

    Raises:
        RefusedError: the cluster does not run or has no such machines, or an image cannot be had.
    """
    opened, cancel = _opened(stack, SettingFlags(), fetch=False)
    with interruptible(cancel, opened.processes):
        ports = opened.platform.ports
        if ports.images is None:
            raise RefusedError(f"provider {opened.platform.stack.cluster.provider} has no machines to load images to")
        # One that is declared otherwise now, as with a --set that was for `up` alone, is no less a cluster.
        if ports.cluster.observe(cancel).state is not TargetState.RUNNING:
            raise RefusedError("the cluster does not run", fix="run: bootstrap up")
        if left := ports.images.ensure(images, Work(cancel, told_on_stderr)).left:
            raise RefusedError(
                f"neither here nor to be pulled: {', '.join(left)}", fix="docker build or docker load it first"
            )


def pausing(stack: StackOptions) -> None:
    """Stop every container of a stack, the emulator's too.

    Raises:
        RefusedError: the stack is not on a Docker engine, is not up, or another run changes it.
    """
    opened, cancel = _opened(stack, SettingFlags(), fetch=False)
    platform = opened.platform
    if not platform.stack.cluster.provider.on_docker:
        raise RefusedError(f"provider {platform.stack.cluster.provider} has no containers to stop")
    if not platform.state.folder.exists():
        raise RefusedError(f"stack {platform.stack.name} is not up", fix=f"run: bootstrap up {platform.stack.typed}")
    with interruptible(cancel, opened.processes), hold(platform.state.lock, typed()):
        StackOnDocker(platform.state, os.environ).stop_all(Work(cancel, told_on_stderr))


def locking(stack: StackOptions, tell: TellOptions, flags: SettingFlags, *, upgrade: bool) -> tuple[Path, int]:
    """Write the lock file of the stack's charts; it, and how many charts it names."""
    del tell
    opened, cancel = _opened(stack, flags)
    with interruptible(cancel, opened.processes):
        repo = opened.platform.read(cancel)
        raise_all(failures_of(repo, ()))
        if upgrade:
            lock = opened.charts.upgraded_lock(repo.releases, Work(cancel, told_on_stderr))
            write_lock(opened.lock_file, lock)
        else:
            work = Work(cancel, told_on_stderr)
            prepared = prepare_all(opened.platform, repo.releases, definitions_of(repo), work)
            raise_all(failures_of(repo, prepared))
        return opened.lock_file, len(read_lock(opened.lock_file).charts)


def _opened(stack: StackOptions, flags: SettingFlags, *, fetch: bool = True) -> tuple[Opened, CancelToken]:
    """The stack and the run's token; without `fetch` for what acts on a cluster that its programs made already."""
    settings = settings_of(stack, flags)
    cancel = new_token()
    opened = open_stack(stack, cancel=cancel, settings=settings)
    with interruptible(cancel, opened.processes):
        if fetch:
            fetch_programs(opened.platform, lambda event: told_on_stderr(str(getattr(event, "text", ""))))
    return opened, cancel.within(settings.timeout.total_seconds(), "the run")


@contextlib.contextmanager
def interruptible(
    cancel: CancelToken, processes: SystemProcesses | None = None, *, quiet: bool = False
) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) cancels the token, the second ends everything at once; `quiet` says nothing.

    A thread of its own acts on signals: a handler that did would interrupt the main thread anywhere, with a lock in
    its hand or in the middle of a line.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def act() -> None:
        while number := os.read(reader, 1):
            if number[0] not in _STOPPING:
                continue
            if cancel.cancelled:
                if processes is not None:
                    processes.kill_running()
                os._exit(ExitCode.INTERRUPTED)
            if not quiet:
                told_on_stderr("Stopping… (again to force)")
            cancel.cancel(f"stopped by {signal.Signals(number[0]).name}")

    actor = threading.Thread(target=act, daemon=True)
    actor.start()
    handlers = {number: signal.signal(number, _leave_to_the_actor) for number in _STOPPING}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        actor.join()
        os.close(reader)


_STOPPING = (signal.SIGINT, signal.SIGTERM)


def _leave_to_the_actor(number: int, frame: FrameType | None) -> None:
    """Keep the signal from doing what it does by itself."""


def show(text: str) -> None:
    """Write a result: the only thing that goes to standard output."""
    write_result(sys.stdout, text)


def told_on_stderr(text: str) -> None:
    """Tell what is being done, outside a run."""
    if text:
        write_text(sys.stderr, f"{text}\n")
