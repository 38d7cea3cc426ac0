"""Runs a plan: one loop owns the state, a few threads perform the steps."""

import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from bootstrap.engine.consent import refusal
from bootstrap.errors import BootstrapError, CancelledError, ExitCode, StepFailedError, system_failure
from bootstrap.model.event import Emit, Noted, Outcome, Planned, Status, StepFinished, StepProgress, StepStarted
from bootstrap.model.step import Action, Keep, Plan, Step, StepId
from bootstrap.plan.chains import chains, longest_first
from bootstrap.plan.needs import Gate, strict_needs
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

Perform: TypeAlias = Callable[[Action, Work], Outcome]

Grow: TypeAlias = Callable[[StepId], Plan | None]
"""Called after each step that ended well; returns the extended plan, if that step made it possible."""

_POLL_SECONDS = 0.1
_WATCH_SECONDS = 1.0
_SILENT_SECONDS = 15.0
"""Seconds without a message after which the current activity of a step is reported again."""
STOP_GRACE_SECONDS = 60.0
"""Seconds that a step may take to stop after a cancel or its deadline before the run continues without it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How every step of a plan ended."""

    outcomes: Mapping[StepId, Outcome]
    seconds: float
    timed_out: bool = False
    cancelled: bool = False

    def counts(self) -> dict[str, int]:
        """Number of steps by status, in the order of `Status`, without zeros."""
        statuses = [outcome.status for outcome in self.outcomes.values()]
        return {status.value: statuses.count(status) for status in Status if status in statuses}

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the process."""
        if self.cancelled:
            return ExitCode.INTERRUPTED
        if self.timed_out:
            return ExitCode.TIMEOUT
        errors = [outcome.error for outcome in self.outcomes.values() if outcome.status is Status.FAILED]
        if not errors:
            return ExitCode.OK
        first = errors[0]
        if first is not None and first.exit_code in {ExitCode.INVALID, ExitCode.REFUSED, ExitCode.BUG}:
            return first.exit_code
        return ExitCode.STEP_FAILED


class BugError(BootstrapError):
    """An unexpected exception escaped from a step; its traceback is the evidence (exit 70)."""

    exit_code = ExitCode.BUG


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Checks about once a second something that a step created and that every later step needs."""

    after: StepId
    """Begins once this step is done."""
    check: Callable[[], None]
    """Raises BootstrapError if it is broken: then the whole run ends, since no other step can succeed."""


def run_plan(  # noqa: PLR0913 - all that decides how a plan runs
    plan: Plan,
    perform: Perform,
    emit: Emit,
    *,
    jobs: int,
    cancel: CancelToken,
    fail_fast: bool = False,
    watch: Watch | None = None,
    grow: Grow = lambda _step: None,
) -> Report:
    """Perform every step after those it needs, up to `jobs` at once, the longest chain first if there is a choice.

    Every step gets exactly one outcome. A failure skips the steps that need it, with its id; the rest finishes,
    unless `fail_fast`. A cancel stops what runs and reports the rest as CANCELLED. `emit` and `grow` are called
    from this thread only.
    """
    started = cancel.clock.monotonic()
    run = _Run(
        plan=plan,
        perform=perform,
        emit=emit,
        jobs=jobs,
        cancel=cancel,
        fail_fast=fail_fast,
        watch=watch,
        grow=grow,
        strict=strict_needs(plan),
        gate=Gate(plan),
        lengths=chains(plan),
    )
    run.loop()
    return Report(
        outcomes={step.id: run.outcomes[step.id] for step in run.plan.steps},
        seconds=cancel.clock.monotonic() - started,
        timed_out=run.timed_out,
        cancelled=run.cancelled_by_user,
    )


@dataclass(kw_only=True, slots=True)
class _Running:
    """A step that a thread performs now."""

    step: Step
    token: CancelToken
    started: float
    said: float
    """Time of its last message."""
    text: str = "still working"
    overdue_since: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    step: StepId
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    step: StepId
    outcome: Outcome


@dataclass(kw_only=True, slots=True)
class _Run:
    plan: Plan
    perform: Perform
    emit: Emit
    jobs: int
    cancel: CancelToken
    fail_fast: bool
    watch: Watch | None
    grow: Grow
    watched: float = 0.0
    """Time of the last check of the watch."""
    broken: BootstrapError | None = None
    """The error of the watch."""
    strict: Mapping[StepId, Sequence[StepId]]
    """Steps that must have ended well; steps that are only listed before must have ended in any way."""
    gate: Gate
    """Decides when a step may start: once all steps before it have ended."""
    lengths: Mapping[StepId, float]
    """Seconds of the longest chain that each step begins."""
    outcomes: dict[StepId, Outcome] = field(default_factory=dict)
    running: dict[StepId, _Running] = field(default_factory=dict)
    messages: "queue.SimpleQueue[_Said | _Ended]" = field(default_factory=queue.SimpleQueue)
    timed_out: bool = False
    cancelled_by_user: bool = False
    stopping: str | None = None
    """Why nothing new is started."""

    def loop(self) -> None:
        while any(step.id not in self.outcomes for step in self.plan.steps):
            self._look_for_cancel()
            self._look_at_watched()
            # Settling may free steps that were waiting, and never takes one back: it ends.
            while self._settle_step():
                pass
            if self.running:
                self._listen()
                self._say_again()

    def _look_for_cancel(self) -> None:
        if self.stopping is not None:
            return
        if self.cancel.cancelled:
            self.cancelled_by_user = True
            self.stopping = "stopped"
        elif self.cancel.remaining() == 0.0:
            self.timed_out = True
            self.stopping = "the run timed out"

    def _look_at_watched(self) -> None:
        now = self.cancel.clock.monotonic()
        if self.watch is None or self.stopping is not None or now - self.watched < _WATCH_SECONDS:
            return
        outcome = self.outcomes.get(self.watch.after)
        if outcome is None or outcome.status not in {Status.DONE, Status.UNCHANGED}:
            return
        self.watched = now
        try:
            self.watch.check()
        except BootstrapError as error:
            self.broken = error
            self._stop(error.what)

    def _stop(self, reason: str) -> None:
        self.stopping = reason
        for running in self.running.values():
            running.token.cancel(reason)

    def _settle_step(self) -> bool:
        """Decide about one more waiting step; False when all that wait have to."""
        waiting = [step for step in self.plan.steps if step.id not in self.outcomes and step.id not in self.running]
        chosen = self._chosen(waiting)
        for step in waiting:
            outcome = self._outcome_without_running(step)
            if outcome is not None:
                self._finish(step.id, outcome, seconds=0.0)
                return True
            if step.id in chosen:
                self._start(step)
                return True
        return False

    def _chosen(self, waiting: Sequence[Step]) -> Collection[StepId]:
        """Those that may start now; if they are too many, those that begin the longest chains."""
        free = self.jobs - len(self.running)
        if free <= 0:
            return ()
        ready = [step for step in waiting if self.gate.is_open(step.id) and _outcome_without_work(step) is None]
        return longest_first(ready, free, self.lengths)

    def _outcome_without_running(self, step: Step) -> Outcome | None:
        """The outcome of a step that need not be performed, or never will be."""
        ended = [(need, self.outcomes[need]) for need in self.strict[step.id] if need in self.outcomes]
        for need, outcome in ended:
            if outcome.status is Status.FAILED:
                return Outcome(status=Status.SKIPPED, detail=need)
            if outcome.status is Status.SKIPPED:
                return Outcome(status=Status.SKIPPED, detail=outcome.detail)
        if self.stopping is not None:
            return Outcome(status=Status.CANCELLED, detail=self.stopping)
        for need, outcome in ended:
            if outcome.status is Status.CANCELLED:
                return Outcome(status=Status.CANCELLED, detail=f"{need} was stopped")
        return _outcome_without_work(step) if self.gate.is_open(step.id) else None

    def _start(self, step: Step) -> None:
        token = self.cancel.within(step.timeout.total_seconds(), step.id)
        clock = self.cancel.clock
        now = clock.monotonic()
        self.running[step.id] = _Running(step=step, token=token, started=now, said=now)
        self.emit(StepStarted(at=clock.now(), step=step.id, reason=step.reason))
        threading.Thread(target=self._perform, args=(step, token), name=step.id, daemon=True).start()

    def _perform(self, step: Step, token: CancelToken) -> None:
        def notify(text: str) -> None:
            self.messages.put(_Said(step=step.id, text=text))

        self.messages.put(_Ended(step=step.id, outcome=_outcome_of(self.perform, step.action, Work(token, notify))))

    def _listen(self) -> None:
        try:
            message = self.messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            self._abandon_overdue()
            return
        if message.step not in self.running:
            return  # an abandoned step reports late; its outcome does not change
        if isinstance(message, _Said):
            self._progress(message.step, message.text)
            return
        seconds = self.cancel.clock.monotonic() - self.running.pop(message.step).started
        outcome = message.outcome
        if self.broken is not None and outcome.status is Status.CANCELLED:
            outcome = Outcome(status=Status.FAILED, detail=self.broken.what, error=self.broken)
        self._finish(message.step, outcome, seconds=seconds)

    def _progress(self, step: StepId, text: str) -> None:
        running = self.running[step]
        running.text, running.said = text, self.cancel.clock.monotonic()
        self.emit(StepProgress(at=self.cancel.clock.now(), step=step, text=text))

    def _say_again(self) -> None:
        """Repeat what a silent step is doing: a reader of a log could not distinguish a wait from a hang."""
        now = self.cancel.clock.monotonic()
        for step, running in self.running.items():
            if now - running.said >= _SILENT_SECONDS:
                self._progress(step, running.text)

    def _abandon_overdue(self) -> None:
        """A step that does not obey its token must not hold up the others' outcomes."""
        now = self.cancel.clock.monotonic()
        for running in tuple(self.running.values()):
            if not (running.token.cancelled or running.token.remaining() == 0.0):
                continue
            if running.overdue_since is None:
                running.overdue_since = now
            elif now - running.overdue_since > STOP_GRACE_SECONDS:
                del self.running[running.step.id]
                error = StepFailedError(
                    f"{running.step.id} does not stop; programs that it started may still be running"
                )
                self._finish(running.step.id, Outcome(status=Status.FAILED, error=error), seconds=now - running.started)

    def _finish(self, step: StepId, outcome: Outcome, *, seconds: float) -> None:
        self.outcomes[step] = outcome
        self.gate.end(step)
        self.emit(StepFinished(at=self.cancel.clock.now(), step=step, outcome=outcome, seconds=seconds))
        if outcome.status is Status.FAILED and self.fail_fast and self.stopping is None:
            self._stop(f"{step} failed")
        if outcome.status is Status.DONE and (grown := self.grow(step)) is not None:
            self._grow(grown)

    def _grow(self, grown: Plan) -> None:
        """Continue with this plan; steps that have ended or are running are not started again."""
        new = {step.id for step in grown.steps}
        kept = tuple(step for step in self.plan.steps if step.id not in new)
        ids = {step.id for step in kept}
        edges = tuple(edge for edge in self.plan.edges if edge.step in ids)
        self.plan = replace(grown, steps=(*kept, *grown.steps), edges=(*edges, *grown.edges))
        self.strict = strict_needs(self.plan)
        self.gate = Gate(self.plan, self.outcomes)
        self.lengths = chains(self.plan)
        self.emit(Planned(at=self.cancel.clock.now(), plan=grown))
        for note in grown.notes:
            self.emit(Noted(at=self.cancel.clock.now(), note=note))


def _outcome_without_work(step: Step) -> Outcome | None:
    """The outcome of a step without an action: unchanged, or not allowed to be replaced; None: it is performed."""
    if isinstance(step.action, Keep):
        return Outcome(status=Status.UNCHANGED, detail=step.reason)
    return refusal(step)


def _outcome_of(perform: Perform, action: Action, work: Work) -> Outcome:
    try:
        return perform(action, work)
    except CancelledError as error:
        return Outcome(status=Status.CANCELLED, detail=error.what)
    except BootstrapError as error:
        return Outcome(status=Status.FAILED, detail=error.what, error=error)
    except Exception as error:  # noqa: BLE001 - the one place where an unforeseen exception becomes a value
        failure = system_failure(error) or BugError(
            f"unexpected {type(error).__name__}: {error}", fix="this is a bug: please report it with the log"
        )
        failure.__cause__ = error
        return Outcome(status=Status.FAILED, detail=failure.what, error=failure)
