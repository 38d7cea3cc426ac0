"""The live board as lines: a pure function of progress, time, width and height."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bootstrap.console.format import lasted, outcome_text, short_id
from bootstrap.console.progress import Progress, StepState
from bootstrap.model.event import Status
from bootstrap.model.step import StepId

_SPIN_PER_SECOND = 8
_NAME_SHARE = 0.4
_LEAST_TEXT = 12
_LOW = 8
"""Lines of a small terminal."""
_TOOK_WIDTH = len("59m59s")


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbols:
    """The symbols before a step."""

    done: str
    unchanged: str
    failed: str
    skipped: str
    cancelled: str
    waiting: str
    spinner: str
    dot: str
    more: str


UNICODE = Symbols(
    done="✓",
    unchanged="=",
    failed="✗",
    skipped="-",
    cancelled="-",
    waiting="·",
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    dot=" · ",
    more="…",
)
ASCII = Symbols(
    done="+", unchanged="=", failed="x", skipped="-", cancelled="-", waiting=".", spinner="|/-\\", dot=", ", more="~"
)


def symbols_for(encoding: str | None) -> Symbols:
    """The symbols that the terminal's encoding supports."""
    try:
        f"{UNICODE.done}{UNICODE.failed}{UNICODE.spinner}{UNICODE.dot}{UNICODE.more}".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the board; `status` is what a renderer may colour it by."""

    text: str
    status: str = ""
    """A `Status` value, `running`, `waiting`, or empty for a title."""


def board_lines(progress: Progress, now: datetime, *, width: int, height: int, symbols: Symbols) -> list[Line]:
    """The headline, the steps, and the sum; no line wider than `width`, no more lines than `height`.

    If not all steps fit, running and failed steps stay, then those that ended last; the rest is counted.
    """
    titles = _titles(progress.headline, width, height, symbols)
    room = max(1, height - len(titles) - 1)
    steps = _that_fit(progress, room)
    names = _name_width(steps, width)
    rows = [_row(step, progress.steps[step], now, (width, names), symbols) for step in steps]
    hidden = len(progress.steps) - len(steps)
    return [*titles, *rows, Line(text=_cut(_sum(progress, now, hidden, symbols), width, symbols))]


def last_board(progress: Progress, now: datetime, *, width: int, symbols: Symbols) -> list[Line]:
    """The lines that stay on the terminal: all steps except for the unchanged; the sum if no summary follows."""
    everything = board_lines(progress, now, width=width, height=len(progress.steps) + 2, symbols=symbols)
    lines = everything if progress.finished is None else everything[:-1]
    return [line for line in lines if line.status != Status.UNCHANGED]


def _titles(headline: str, width: int, height: int, symbols: Symbols) -> list[Line]:
    """The headline, on two lines if they fit: its end names what is simulated."""
    lines = 2 if height > _LOW else 1
    shown_lines = textwrap.wrap(headline, max(width, 2), max_lines=lines, placeholder=symbols.more) or [""]
    return [Line(text=_cut(line, width, symbols)) for line in shown_lines]


def _that_fit(progress: Progress, room: int) -> list[StepId]:
    """The steps to show, in the order of the plan."""
    if len(progress.steps) <= room:
        return list(progress.steps)
    ranked = sorted(progress.steps, key=lambda step_id: _rank(progress.steps[step_id]))
    chosen = set(ranked[:room])
    return [step_id for step_id in progress.steps if step_id in chosen]


def _rank(step: StepState) -> int:
    """The priority of a step: running, failed, waiting, done, unchanged."""
    if step.running:
        return 0
    if step.outcome is None:
        return 2
    return {Status.FAILED: 1, Status.DONE: 3}.get(step.outcome.status, 4)


def _name_width(steps: list[StepId], width: int) -> int:
    longest = max((len(short_id(step_id)) for step_id in steps), default=0)
    return max(4, min(longest, int(width * _NAME_SHARE)))


def _row(step_id: StepId, step: StepState, now: datetime, widths: tuple[int, int], symbols: Symbols) -> Line:
    """` ✓ release/redis    6 objects                 41s`."""
    width, names = widths
    mark, status = _mark(step, now, symbols)
    name = _cut(short_id(step_id), names, symbols)
    took = _took(step, now)
    room = width - names - 5 - (_TOOK_WIDTH + 1 if took else 0)
    begin = f" {mark} {name:<{names}}"
    if room < _LEAST_TEXT:
        return Line(text=_cut(f"{begin} {took}".rstrip(), width, symbols), status=status)
    text = _cut(_said(step), room, symbols)
    return Line(text=f"{begin}  {text:<{room}} {took:>{_TOOK_WIDTH if took else 0}}".rstrip(), status=status)


def _mark(step: StepState, now: datetime, symbols: Symbols) -> tuple[str, str]:
    if step.outcome is not None:
        return str(getattr(symbols, step.outcome.status.value)), step.outcome.status.value
    if step.started is None:
        return symbols.waiting, "waiting"
    frame = int((now - step.started).total_seconds() * _SPIN_PER_SECOND)
    return symbols.spinner[frame % len(symbols.spinner)], "running"


def _said(step: StepState) -> str:
    if step.outcome is not None:
        return outcome_text(step.outcome)
    if step.started is None:
        return f"needs {', '.join(map(short_id, step.needs))}" if step.needs else ""
    return step.text


def _took(step: StepState, now: datetime) -> str:
    if step.started is None or (step.outcome is not None and step.outcome.status is Status.UNCHANGED):
        return ""
    return lasted(step.seconds if step.outcome is not None else max(0.0, (now - step.started).total_seconds()))


def _sum(progress: Progress, now: datetime, hidden: int, symbols: Symbols) -> str:
    """` 2 done · 1 running · 5 waiting  1m02s`."""
    counts = symbols.dot.join(_counts(progress)) or "looking"
    more = f" ({hidden} not shown)" if hidden else ""
    return f" {counts}{more}  {lasted(progress.since(now))}"


def _counts(progress: Progress) -> Iterator[str]:
    for status in Status:
        number = sum(1 for _ in progress.with_status(status))
        if number:
            yield f"{number} {status.value}"
    running = sum(step.running for step in progress.steps.values())
    waiting = sum(step.waiting for step in progress.steps.values())
    yield from (f"{number} {word}" for number, word in ((running, "running"), (waiting, "waiting")) if number)


def _cut(text: str, width: int, symbols: Symbols) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= width else line[: max(0, width - 1)] + symbols.more[:1]
