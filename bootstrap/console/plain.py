"""Timed lines that are only ever appended: for CI, pipes and files."""

from datetime import datetime, timedelta

from bootstrap.console.format import lasted, short_id, stopwatch, told_outcome
from bootstrap.console.progress import Progress, ending, failures
from bootstrap.console.stream import Writer
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
from bootstrap.model.step import Plan, StepId

_WORDS = {
    Status.DONE: "done ",
    Status.UNCHANGED: "same ",
    Status.FAILED: "FAIL ",
    Status.SKIPPED: "skip ",
    Status.CANCELLED: "stop ",
}
_SAID_AGAIN = timedelta(seconds=10)


class PlainRenderer:
    """One line for what begins and ends; what a step waits for at most every ten seconds, with -v always."""

    def __init__(self, writer: Writer, *, verbosity: int = 0) -> None:
        self._writer = writer
        self._verbosity = verbosity
        self._progress = Progress()
        self._told: dict[StepId, datetime] = {}

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._progress.add(event)
        match event:
            case RunStarted(headline=headline):
                self._writer.write(headline)
            case Planned(plan=plan):
                self._plan(plan)
            case Noted(note=note) if note.expected and self._verbosity < 1:
                pass  # of every Flux repository; plan, lint and the log have it
            case Noted(at=at, note=note):
                self._line(at, "note ", f"{note.place}: {note.text}" if note.place else note.text)
            case RunFinished():
                self._end(event)
            case StepStarted() | StepProgress() | StepFinished():
                self._step(event)

    def close(self) -> None:
        """Nothing to give back."""

    def _step(self, event: StepStarted | StepProgress | StepFinished) -> None:
        match event:
            case StepStarted(at=at, step=step, reason=reason):
                self._told[step] = at
                self._line(at, "start", f"{short_id(step)}: {reason}")
            case StepProgress(at=at, step=step, text=text):
                if self._verbosity > 0 or at - self._told.get(step, at) >= _SAID_AGAIN:
                    self._told[step] = at
                    self._line(at, "  …  ", f"{short_id(step)}: {text}")
            case StepFinished(at=at, step=step, outcome=outcome, seconds=seconds):
                self._line(at, _WORDS[outcome.status], f"{short_id(step)}: {_ended(outcome, seconds)}")

    def _plan(self, plan: Plan) -> None:
        if self._verbosity > 1:
            for step in plan.steps:
                needs = f" (needs {', '.join(map(short_id, step.needs))})" if step.needs else ""
                self._writer.write(f"      plan  {short_id(step.id)}: {step.reason}{needs}")

    def _end(self, event: RunFinished) -> None:
        told = failures(self._progress)
        self._writer.write(f"\n{told}\n{ending(event)}" if told else ending(event))

    def _line(self, at: datetime, word: str, text: str) -> None:
        self._writer.write(f"{stopwatch(self._progress.since(at))} {word} {text}")


def _ended(outcome: Outcome, seconds: float) -> str:
    told = told_outcome(outcome)
    return f"{told} ({lasted(seconds)})" if outcome.status is Status.DONE and seconds >= 1 else told
