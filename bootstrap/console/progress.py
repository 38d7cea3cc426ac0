"""The progress of a run, collected from its events; boards and summaries are drawn from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bootstrap.console.errors import failures_text
from bootstrap.console.format import lasted, tally
from bootstrap.console.json_lines import event_record
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.text import where_time_went
from bootstrap.errors import BootstrapError
from bootstrap.model.event import (
    Event,
    Noted,
    Outcome,
    Planned,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.release import Note
from bootstrap.model.step import StepId


@dataclass(kw_only=True, slots=True)
class StepState:
    """One step so far."""

    needs: tuple[StepId, ...] = ()
    started: datetime | None = None
    text: str = ""
    """Its reason, then its last message."""
    outcome: Outcome | None = None
    seconds: float = 0.0

    @property
    def running(self) -> bool:
        """Begun, not ended."""
        return self.started is not None and self.outcome is None

    @property
    def waiting(self) -> bool:
        """Not begun."""
        return self.started is None and self.outcome is None


@dataclass(kw_only=True, slots=True)
class Progress:
    """The progress of a run; `add` must be called with every event, in order."""

    headline: str = ""
    started: datetime | None = None
    steps: dict[StepId, StepState] = field(default_factory=dict)
    """In the order of the plan."""
    notes: list[Note] = field(default_factory=list)
    finished: RunFinished | None = None
    records: list[Mapping[str, Any]] = field(default_factory=list)
    """Those of which the timeline is made."""

    def add(self, event: Event) -> None:
        """Add one event."""
        if not isinstance(event, Noted | StepProgress):
            self.records.append(event_record(event))
        match event:
            case RunStarted(at=at, headline=headline):
                self.headline, self.started = headline, at
            case Planned(plan=plan):
                for step in plan.steps:
                    self.steps.setdefault(step.id, StepState(needs=step.needs))
            case Noted(note=note):
                self.notes.append(note)
            case RunFinished():
                self.finished = event
            case StepStarted() | StepProgress() | StepFinished():
                self._step(event)

    def _step(self, event: StepStarted | StepProgress | StepFinished) -> None:
        step = self.steps.setdefault(event.step, StepState())
        match event:
            case StepStarted(at=at, reason=reason):
                step.started, step.text = at, reason
            case StepProgress(text=text):
                step.text = text
            case StepFinished(outcome=outcome, seconds=seconds):
                step.outcome, step.seconds = outcome, seconds

    def with_status(self, status: Status) -> Iterator[StepId]:
        """The steps that ended like this."""
        return (
            step_id
            for step_id, step in self.steps.items()
            if step.outcome is not None and step.outcome.status is status
        )

    def since(self, now: datetime) -> float:
        """Seconds since the run began."""
        return 0.0 if self.started is None else max(0.0, (now - self.started).total_seconds())


def failures(progress: Progress) -> str:
    """The errors of all failed steps, each with what was skipped because of it; empty without one."""
    failed: dict[StepId, BootstrapError] = {}
    for step_id in progress.with_status(Status.FAILED):
        outcome = progress.steps[step_id].outcome
        if outcome is not None:
            failed[step_id] = outcome.error or BootstrapError(outcome.detail or "failed")
    if not failed:
        return ""
    skipped: dict[StepId, list[StepId]] = {}
    for step in progress.with_status(Status.SKIPPED):
        outcome = progress.steps[step].outcome
        if outcome is not None:
            skipped.setdefault(StepId(outcome.detail), []).append(step)
    log = None if progress.finished is None else progress.finished.log
    return failures_text(failed, skipped, log=log)


def closing(progress: Progress, finished: RunFinished) -> str:
    """The failures of the run, if any, and its last lines."""
    failure_text = failures(progress)
    last = ending(progress, finished)
    return f"\n{failure_text}\n{last}" if failure_text else last


def ending(progress: Progress, finished: RunFinished) -> str:
    """The last lines: counts and duration, where the time went, then URLs and the next command."""
    counts = {status: number for status, number in finished.counts.items() if number}
    took = lasted(finished.seconds)
    if set(counts) == {Status.UNCHANGED.value}:
        summary = f"Nothing to do: {counts[Status.UNCHANGED.value]} unchanged ({took})"
    else:
        summary = f"{tally(counts)} ({took})"
    return "\n".join([summary, *_time_line(progress, finished), *finished.summary]) + "\n"


def _time_line(progress: Progress, finished: RunFinished) -> Iterator[str]:
    """Where the time of an `up` went that changed something."""
    begun = progress.records[0] if progress.records else {}
    changed = any(status != Status.UNCHANGED.value for status, number in finished.counts.items() if number)
    if not changed or str(begun.get("command")).split()[:2] != ["bootstrap", "up"]:
        return
    timeline = timeline_of(progress.records)
    if timeline is not None:
        yield f"Time: {where_time_went(timeline)}"
