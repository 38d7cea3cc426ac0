"""Timed lines that are only ever appended: for CI, pipes and files."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bootstrap.console.format import lasted, outcome_text, short_id, stopwatch
from bootstrap.console.progress import Progress, closing
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
_SAID_AGAIN = timedelta(seconds=15)
_QUICK = timedelta(seconds=1)
"""Messages of a step are printed only after it has run this long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """The last line shown for a step."""

    started: datetime
    at: datetime
    words: str = ""
    """Without its numbers."""


class PlainRenderer:
    """One line for what begins and ends; what a step waits for when that changes and every 15 s, with -v always."""

    def __init__(self, writer: Writer, *, verbosity: int = 0) -> None:
        self._writer = writer
        self._verbosity = verbosity
        self._progress = Progress()
        self._said: dict[StepId, _Said] = {}

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
                self._said[step] = _Said(started=at, at=at)
                self._line(at, "start", f"{short_id(step)}: {reason}")
            case StepProgress(at=at, step=step, text=text):
                if self._verbosity > 0 or self._is_news(at, step, text):
                    before = self._said.get(step)
                    self._said[step] = _Said(started=before.started if before else at, at=at, words=_words(text))
                    self._line(at, "  …  ", f"{short_id(step)}: {text}")
            case StepFinished(at=at, step=step, outcome=outcome, seconds=seconds):
                self._line(at, _WORDS[outcome.status], f"{short_id(step)}: {_ended(outcome, seconds)}")

    def _is_news(self, at: datetime, step: StepId, text: str) -> bool:
        """Whether to show a line: new words at once, new numbers now and then, nothing for very short steps."""
        before = self._said.get(step)
        if before is None or at - before.started < _QUICK:
            return False
        return _words(text) != before.words or at - before.at >= _SAID_AGAIN

    def _plan(self, plan: Plan) -> None:
        if self._verbosity > 1:
            for step in plan.steps:
                needs = f" (needs {', '.join(map(short_id, step.needs))})" if step.needs else ""
                self._writer.write(f"      plan  {short_id(step.id)}: {step.reason}{needs}")

    def _end(self, event: RunFinished) -> None:
        self._writer.write(closing(self._progress, event))

    def _line(self, at: datetime, word: str, text: str) -> None:
        self._writer.write(f"{stopwatch(self._progress.since(at))} {word} {text}")


def _words(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _ended(outcome: Outcome, seconds: float) -> str:
    text = outcome_text(outcome)
    return f"{text} ({lasted(seconds)})" if outcome.status is Status.DONE and seconds >= 1 else text
