"""Errors as text: what, evidence, the command, the fix, the log."""

from collections.abc import Iterable, Mapping, Sequence

from bootstrap.console.format import grouped, short_id
from bootstrap.errors import BootstrapError, InvalidError, Problem
from bootstrap.model.count import counted
from bootstrap.model.step import StepId

_EVIDENCE_LINES = 5
_LAST_LINES = 3
_LINE_LENGTH = 400


def error_text(error: BootstrapError, *, log: str | None = None, whole: bool = False) -> str:
    """The error as text, with the fix and the log at its end; with `whole` all of its evidence."""
    lines = [f"Error: {_headline(error)}", *_body(error, whole=whole), *_ending(error, log or error.log, ())]
    return "\n".join(lines) + "\n"


def failures_text(
    failed: Mapping[StepId, BootstrapError], skipped: Mapping[StepId, Sequence[StepId]], *, log: str | None
) -> str:
    """The errors of a run's steps; one that several steps ended with is printed once, the log at the very end.

    `skipped` has, for each failed step, the steps that were skipped because of it.
    """
    blocks = []
    for steps, error in _same(failed):
        where = "" if error.what.startswith(tuple(steps)) else f"{', '.join(map(short_id, steps))}: "
        because = [step for step_id in steps for step in skipped.get(step_id, ())]
        lines = [f"Error: {where}{_headline(error)}", *_body(error), *_ending(error, None, because)]
        blocks.append("\n".join(lines))
    if log is not None:
        blocks[-1:] = [f"{blocks[-1]}\nLog:   {log}"]
    return "\n\n".join(blocks) + "\n"


def _headline(error: BootstrapError) -> str:
    if isinstance(error, InvalidError) and error.problems:
        has_own_text = str(error) != "\n".join(map(str, error.problems))
        if has_own_text:
            return error.what
        files = {problem.place.file for problem in error.problems}
        where = f" in {next(iter(files))}" if len(files) == 1 else ""
        return f"{counted(len(error.problems), 'problem')}{where}"
    return error.what.rstrip()


def _body(error: BootstrapError, *, whole: bool = False) -> list[str]:
    if isinstance(error, InvalidError):
        return [f"  {line}" for line in _problems(error.problems)]
    lines = [f"  {line}" for line in (error.evidence if whole else shortened(error.evidence, error.shown_lines))]
    return lines if error.command is None else [*lines, f"  Command: {error.command}"]


def _problems(problems: Iterable[Problem]) -> list[str]:
    """One line for each problem; the same problem of a value in several places is printed once."""
    places: dict[tuple[str, str | None, str], list[int]] = {}
    for problem in problems:
        key = (problem.place.file, problem.place.path, problem.text)
        places.setdefault(key, []).extend([] if problem.place.line is None else [problem.place.line])
    lines = []
    for (file, path, text), numbers in places.items():
        ordered = sorted(set(numbers))
        where = ":".join([file, *map(str, ordered[:1])])
        also = f" (also in {'lines' if len(ordered) > 2 else 'line'} {', '.join(map(str, ordered[1:]))})"  # noqa: PLR2004
        lines.append(": ".join(part for part in (where, path, text) if part is not None) + also * (len(ordered) > 1))
    return lines


def _ending(error: BootstrapError, log: str | None, because: Sequence[StepId]) -> list[str]:
    lines = []
    if because:
        names = ", ".join(map(short_id, because[:3])) + ("" if len(because) <= 3 else ", …")  # noqa: PLR2004 - a line's worth
        lines.append(f"  {counted(len(because), 'step')} skipped because of this: {names}")
    if error.fix is not None:
        lines.append(f"Fix:   {error.fix}")
    if log is not None:
        lines.append(f"Log:   {log}")
    return lines


def _same(failed: Mapping[StepId, BootstrapError]) -> list[tuple[list[StepId], BootstrapError]]:
    """The errors, each with all steps that it ended."""
    groups: dict[tuple[str, str | None, str | None], tuple[list[StepId], BootstrapError]] = {}
    for step, error in failed.items():
        groups.setdefault((error.what, error.command, error.fix), ([], error))[0].append(step)
    return list(groups.values())


def shortened(evidence: Sequence[str], room: int = _EVIDENCE_LINES) -> list[str]:
    """Evidence for the screen: at most this many lines, the first and the last ones; the log has all of it."""
    lines = [_clipped(line) for line in grouped(line.rstrip() for line in evidence if line.strip())]
    if len(lines) <= room:
        return lines
    first, last = room - _LAST_LINES - 1, _LAST_LINES
    return [*lines[:first], f"… {counted(len(lines) - first - last, 'line')} more …", *lines[-last:]]


def _clipped(line: str) -> str:
    """A line for the screen, shortened in the middle: the reason is often at its end."""
    half = (_LINE_LENGTH - 1) // 2
    return line if len(line) <= _LINE_LENGTH else f"{line[:half]}…{line[-half:]}"
