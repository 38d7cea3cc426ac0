"""Two runs beside each other: what became slower."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.console.format import lasted, short_id
from bootstrap.console.json_lines import VERSION
from bootstrap.console.timeline.model import Bar, Timeline
from bootstrap.model.step import StepId

_NOTICEABLE = 0.05
"""Seconds that differ from run to run by themselves."""
_MOST_ROWS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One step in both runs."""

    step: str
    before: float | None
    """Seconds; None: it was not a part of the run."""
    now: float | None
    was: str = ""
    """How it ended then: `unchanged`."""
    ended: str = ""
    critical: bool = False
    """Whether it is on the critical path of the later run."""

    @property
    def slower(self) -> float:
        """Seconds that it took longer now."""
        return (self.now or 0.0) - (self.before or 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All steps of two runs, the one that became slowest first."""

    before: Timeline
    now: Timeline
    rows: tuple[Row, ...]


def compared(before: Timeline, now: Timeline) -> Comparison:
    """The later run, step by step beside the earlier one."""
    earlier, later = _by_name(before), _by_name(now)
    rows = [_row(step, earlier.get(step), later.get(step)) for step in {**later, **earlier}]
    return Comparison(before=before, now=now, rows=tuple(sorted(rows, key=lambda row: -row.slower)))


def comparison_text(comparison: Comparison) -> str:
    """A line for each step that took noticeably longer or shorter."""
    before, now = comparison.before, comparison.now
    differing = differing_rows(comparison)
    lines = [
        f"{_called(now)}: {lasted(now.seconds)}",
        f"{_called(before)}: {lasted(before.seconds)}",
        f"{signed(now.seconds - before.seconds)} in sum",
        "",
        *(_table(_shown(differing)) if differing else ["No step differs by 0.05s or more"]),
    ]
    hidden = len(differing) - len(_shown(differing))
    if hidden:
        lines.append(f"and {hidden} more that differ less")
    return "\n".join(lines) + "\n"


def comparison_json(comparison: Comparison) -> str:
    """`{"version": 1, "run", "compared_with", "seconds", "before_seconds", "steps"}`, the slowest grown first."""
    rows = [
        {
            "step": row.step,
            "before": None if row.before is None else round(row.before, 3),
            "now": None if row.now is None else round(row.now, 3),
            "slower": round(row.slower, 3),
            "critical": row.critical,
        }
        for row in comparison.rows
    ]
    document = {
        "version": VERSION,
        "run": comparison.now.run or None,
        "compared_with": comparison.before.run or None,
        "seconds": round(comparison.now.seconds, 3),
        "before_seconds": round(comparison.before.seconds, 3),
        "steps": rows,
    }
    return json.dumps(document, indent=2) + "\n"


def differing_rows(comparison: Comparison) -> Sequence[Row]:
    """Those that took noticeably longer or shorter."""
    return [row for row in comparison.rows if abs(row.slower) >= _NOTICEABLE]


def row_note(row: Row) -> str:
    """`on the critical path, unchanged before`."""
    notes = ["on the critical path"] if row.critical else []
    if row.before is None:
        notes.append("not in the other run")
    elif row.now is None:
        notes.append("only in the other run")
    elif row.was != row.ended:
        notes.append(f"{row.ended}, {row.was} in the other run")
    return ", ".join(notes)


def _shown(rows: Sequence[Row]) -> Sequence[Row]:
    chosen = sorted(rows, key=lambda row: -abs(row.slower))[:_MOST_ROWS]
    return sorted(chosen, key=lambda row: -row.slower)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    names = max(len(short_id(StepId(row.step))) for row in rows)
    yield f"{'':{names}}  {'before':>7} {'now':>7} {'slower':>8}"
    for row in rows:
        times = f"{took(row.before):>7} {took(row.now):>7} {signed(row.slower):>8}"
        yield f"{short_id(StepId(row.step)):<{names}}  {times}  {row_note(row)}".rstrip()


def _by_name(timeline: Timeline) -> dict[str, Bar]:
    return {bar.id: bar for bar in timeline.bars}


def _row(step: str, before: Bar | None, now: Bar | None) -> Row:
    return Row(
        step=step,
        before=None if before is None else before.seconds,
        now=None if now is None else now.seconds,
        was="" if before is None else before.status,
        ended="" if now is None else now.status,
        critical=now is not None and now.critical,
    )


def _called(timeline: Timeline) -> str:
    return timeline.run or f"{timeline.command}, {timeline.began:%Y-%m-%d %H:%M:%S} UTC"


def took(seconds: float | None) -> str:
    """`2.9s`; `-` if it was not a part of the run."""
    return "-" if seconds is None else lasted(seconds)


def signed(seconds: float) -> str:
    """`+0.4s`: the difference between two times."""
    sign = "-" if seconds <= -_NOTICEABLE else "+"
    return f"{sign}{lasted(abs(seconds))}"
