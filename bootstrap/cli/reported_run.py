"""The two frames that verbs run in: a run of a plan, shown, logged and stopped by Ctrl-C; and a look at a stack."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from bootstrap.cli.consent import asking
from bootstrap.cli.interrupt import interruptible
from bootstrap.cli.machine import new_token
from bootstrap.cli.options import ReportOptions, StackOptions, settings_of, typed
from bootstrap.cli.output import differences_line, report, reporter
from bootstrap.cli.session import open_remembered_stack, open_stack
from bootstrap.config.flags import SettingFlags
from bootstrap.config.settings import Settings
from bootstrap.console.events_file import EventsFile
from bootstrap.console.github import GithubRenderer
from bootstrap.console.json_lines import line, moment
from bootstrap.console.junit import JunitRenderer
from bootstrap.console.log_file import LogRenderer, log_path
from bootstrap.console.mask import SECRETS
from bootstrap.console.renderer import FanOut, Renderer
from bootstrap.console.renderer_choice import choose_renderer, in_ci
from bootstrap.console.stream import write_text
from bootstrap.engine.consent import Ask, ask_nobody
from bootstrap.engine.fix_commands import complete
from bootstrap.engine.obtain import fetch_programs
from bootstrap.engine.session import RunOptions, Session
from bootstrap.errors import BootstrapError, CancelledError, ExitCode, UsageError
from bootstrap.model.event import Emit, Event, RunFinished
from bootstrap.model.lease import Term
from bootstrap.seeds.generated_secrets import generated_values
from bootstrap.state.logs import events_file
from bootstrap.state.paths import create_state
from bootstrap.system.clock import CancelToken, Clock, SystemClock
from bootstrap.system.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The session, event function and cancel token of a verb that runs a plan."""

    session: Session
    emit: Emit
    cancel: CancelToken
    log: str
    ask: Ask = ask_nobody

    def how(self, *, fail_fast: bool = False, term: Term | None = None) -> RunOptions:
        """The run options of the command line."""
        return RunOptions(command=typed(), fail_fast=fail_fast, log=self.log, term=term, ask=self.ask)


_Report: TypeAlias = JunitRenderer | GithubRenderer | EventsFile


class OpenSession(Protocol):
    """Finds and opens the chosen stack."""

    def __call__(self, options: StackOptions, *, cancel: CancelToken, settings: Settings) -> Session:
        """See `open_stack`."""
        ...


@contextlib.contextmanager
def reported_run(
    verb: str, stack: StackOptions, reporting: ReportOptions, flags: SettingFlags, *, find: OpenSession = open_stack
) -> Iterator[Run]:
    """A run that is shown according to the options, logged in full, and stopped by Ctrl-C."""
    reports = _reports(reporting)
    run_end = _RunEnd()
    with _report_in_ci(verb, stack, run_end), contextlib.ExitStack() as files, _aborting(reports):
        settings = settings_of(stack, flags)
        cancel = new_token()
        session = find(stack, cancel=cancel, settings=settings)
        SECRETS.register(*generated_values(session.state.seeds))
        log = log_path(session.state.logs, verb, cancel.clock.now())
        as_json = run_end.as_json = (reporting.progress or settings.progress) == "json"
        renderers = _renderers(verb, session, reporting, log=log, clock=cancel.clock)
        if session.state.folder.exists():
            reports.append(EventsFile(events_file(log), kept=True))
        emit = FanOut([*renderers, *reports, run_end])
        files.callback(emit.close)
        files.enter_context(interruptible(cancel, session.processes, quiet=as_json or reporting.verbosity < 0))
        if find is not open_stack and not as_json:
            reporter(quiet=reporting.verbosity < 0)(differences_line(session))
        ask = asking(renderers[0], stdin=sys.stdin, stderr=sys.stderr, environment=os.environ)
        with _fixes_completed(session):
            yield Run(session=session, emit=emit, cancel=cancel, log=str(log), ask=ask)


@contextlib.contextmanager
def _fixes_completed(session: Session) -> Iterator[None]:
    """An error that ends a verb has fixes that mean this stack."""
    try:
        yield
    except BootstrapError as error:
        complete(error, session)
        raise


class _RunEnd:
    """How a run ended."""

    def __init__(self) -> None:
        self.exit_code: int = ExitCode.OK
        self.as_json = False
        """Whether standard error has JSON lines."""

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        if isinstance(event, RunFinished):
            self.exit_code = event.exit_code

    def close(self) -> None:
        """See `Renderer`."""


@contextlib.contextmanager
def _report_in_ci(verb: str, stack: StackOptions, run_end: _RunEnd) -> Iterator[None]:
    """A failed run in CI leaves a report: its machine is gone soon. One that was stopped has no time for it."""
    if not in_ci(os.environ):
        yield
        return
    try:
        yield
    except (CancelledError, UsageError):
        raise
    except BootstrapError as error:
        _write_failure_report(verb, stack, run_end, error)
        raise
    if run_end.exit_code not in {ExitCode.OK, ExitCode.INTERRUPTED}:
        _write_failure_report(verb, stack, run_end, None)


def _write_failure_report(verb: str, stack: StackOptions, run_end: _RunEnd, error: BootstrapError | None) -> None:
    from bootstrap.cli.report import report_wanted, write_report  # noqa: PLC0415 - only for failed runs in CI

    cancel = new_token()
    wanted = report_wanted(os.environ, stack, verb, cancel)
    if wanted is None:
        return
    try:
        with interruptible(cancel, quiet=True):
            written = str(write_report(stack, wanted, cancel, error=error))
    except CancelledError:
        return
    except Exception as failure:  # noqa: BLE001 - the run has failed already: its own error must be the last word
        _say(run_end, f"no report was written: {failure}")
        return
    _say(run_end, f"Report: {written}")


def _say(run_end: _RunEnd, text: str) -> None:
    if run_end.as_json:
        write_text(sys.stderr, line({"type": "noted", "at": moment(SystemClock().now()), "text": text, "place": None}))
    else:
        report(text)


@contextlib.contextmanager
def _aborting(reports: Sequence[_Report]) -> Iterator[None]:
    """An error that ends the run outside its steps, as early as in the stack file, is in the reports too."""
    try:
        yield
    except BootstrapError as error:
        for each in reports:
            each.aborted(error)
            each.close()
        raise


def _reports(reporting: ReportOptions) -> list[_Report]:
    reports: list[_Report] = []
    if reporting.events is not None:
        reports.append(EventsFile(reporting.events, more=reporting.more))
    if reporting.junit is not None:
        reports.append(JunitRenderer(reporting.junit, command=typed(), more=reporting.more))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        reports.append(GithubRenderer(_Stderr(), Path(summary) if summary else None))
    return reports


def _renderers(verb: str, session: Session, reporting: ReportOptions, *, log: Path, clock: Clock) -> list[Renderer]:
    shown = choose_renderer(
        reporting.progress or session.settings.progress,
        verbosity=reporting.verbosity,
        color=reporting.color,
        stderr=sys.stderr,
        environment=os.environ,
        clock=clock,
    )
    # The first renderer is the one that a question hides.
    renderers: list[Renderer] = [shown]
    if verb == "up":
        create_state(session.state)
    if session.state.folder.exists():
        renderers.append(LogRenderer(log))
    return renderers


class _Stderr:
    """Where a runner looks for commands, besides standard output: that is for results."""

    def write(self, text: str) -> None:
        write_text(sys.stderr, text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The session, cancel token and messages of a verb without a plan."""

    session: Session
    work: Work

    @property
    def cancel(self) -> CancelToken:
        """Stops the verb."""
        return self.work.cancel


@contextlib.contextmanager
def look_at(
    stack: StackOptions,
    *,
    timeout: str | None = None,
    quiet: bool = False,
    find: OpenSession = open_stack,
    programs: bool = True,
    engine_needed: bool = True,
) -> Iterator[Look]:
    """A stack that is looked at, with Ctrl-C obeyed; `programs` that planning needs are fetched first.

    Unless `engine_needed`, a stack is opened whose Docker engine does not answer.

    What is declared differently now than when it was brought up is reported, unless `quiet`.
    """
    settings = settings_of(stack, SettingFlags(timeout=timeout))
    cancel = new_token()
    session = find(replace(stack, engine_needed=engine_needed), cancel=cancel, settings=settings)
    notify = reporter(quiet=quiet)
    with interruptible(cancel, session.processes, quiet=quiet):
        if find is not open_stack:
            notify(differences_line(session))
        if programs:
            fetch_programs(session, lambda event: notify(str(getattr(event, "text", ""))), cancel)
        with _fixes_completed(session):
            yield Look(session=session, work=Work(cancel.within(settings.timeout.total_seconds(), "the run"), notify))


def look_at_remembered(
    stack: StackOptions,
    *,
    timeout: str | None = None,
    quiet: bool = False,
    programs: bool = True,
    engine_needed: bool = True,
) -> contextlib.AbstractContextManager[Look]:
    """As `look_at`, at the stack as it was brought up last."""
    return look_at(
        stack, timeout=timeout, quiet=quiet, find=open_remembered_stack, programs=programs, engine_needed=engine_needed
    )
