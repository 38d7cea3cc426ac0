"""A run as GitHub Actions shows it: an annotation for each failure and note, and a table in the job's summary.

Commands and their escapes: docs.github.com, "Workflow commands for GitHub Actions".
"""

from pathlib import Path
from typing import Final

from bootstrap.console.format import lasted
from bootstrap.console.mask import SECRETS, Masker
from bootstrap.console.progress import Progress
from bootstrap.console.stream import Writer
from bootstrap.errors import BootstrapError, InvalidError, Place
from bootstrap.model.event import Event, Noted, RunFinished, Status, StepFinished
from bootstrap.model.release import Note

_ESCAPES: Final = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES: Final = (*_ESCAPES, (":", "%3A"), (",", "%2C"))


class GithubRenderer:
    """Annotations as they happen; the summary, where the runner names a file for it, at the end."""

    def __init__(self, writer: Writer, summary: Path | None, *, secrets: Masker = SECRETS) -> None:
        self._writer = writer
        self._summary = summary
        self._secrets = secrets
        self._progress = Progress()

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._progress.add(event)
        match event:
            case Noted(note=note) if not note.expected:
                self._annotate("warning", note.text, note.place, title="bootstrap")
            case StepFinished(step=step, outcome=outcome) if outcome.status is Status.FAILED:
                self._failed(step, outcome.error or BootstrapError(outcome.detail or "failed"))
            case RunFinished():
                self._summarise()
            case _:
                pass

    def aborted(self, error: BootstrapError) -> None:
        """Annotate the error that ended the run outside its steps."""
        self._failed("bootstrap", error)

    def close(self) -> None:
        """Write the table of a run without an end event."""
        self._summarise()

    def _failed(self, step: str, error: BootstrapError) -> None:
        if isinstance(error, InvalidError):
            for problem in error.problems:
                path = problem.place.path
                text = problem.text if path is None else f"{path}: {problem.text}"
                self._annotate("error", text, problem.place, title=step)
        else:
            lines = [error.what, *error.evidence, *(() if error.fix is None else (f"Fix: {error.fix}",))]
            self._annotate("error", "\n".join(lines), None, title=step)

    def _annotate(self, kind: str, text: str, place: Place | None, *, title: str) -> None:
        properties = {"title": title}
        if place is not None:
            properties = {"file": place.file, **({} if place.line is None else {"line": str(place.line)}), **properties}
        named = ",".join(f"{key}={self._escaped(value, _IN_PROPERTIES)}" for key, value in properties.items())
        self._writer.write(f"::{kind} {named}::{self._escaped(text, _ESCAPES)}\n")

    def _escaped(self, text: str, escapes: tuple[tuple[str, str], ...]) -> str:
        masked = self._secrets.mask(text)
        for character, escape in escapes:
            masked = masked.replace(character, escape)
        return masked

    def _summarise(self) -> None:
        if self._summary is None:
            return
        text = self._secrets.mask(summary(self._progress))
        with self._summary.open("a", encoding="utf-8") as file:
            file.write(text)
        self._summary = None


def summary(progress: Progress) -> str:
    """The run as a Markdown table: a row for each step."""
    lines = [f"### {progress.headline or 'bootstrap'}", "", "| step | result | time | |", "| --- | --- | --- | --- |"]
    for step, state in progress.steps.items():
        outcome = state.outcome
        status = "not finished" if outcome is None else outcome.status.value
        detail = state.text if outcome is None else outcome.detail
        if outcome is not None and outcome.error is not None:
            detail = outcome.error.what
        if outcome is not None and outcome.status is Status.SKIPPED:
            detail = f"because of {outcome.detail}"
        lines.append(f"| {_cell(step)} | {status} | {lasted(state.seconds)} | {_cell(detail)} |")
    lines += [f"- {_cell(_told(note))}" for note in progress.notes if not note.expected]
    return "\n".join(lines) + "\n\n"


def _told(note: Note) -> str:
    return note.text if note.place is None else f"{note.place}: {note.text}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
