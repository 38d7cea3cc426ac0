"""A timeline as lines for a terminal, and in one line."""

from collections.abc import Iterator, Sequence

from bootstrap.console.format import lasted, short_id
from bootstrap.console.timeline.model import Bar, Segment, Timeline
from bootstrap.console.timeline.scale import tick_text, ticks
from bootstrap.model.step import StepId

_MOST_ROWS = 40
_LEAST_SHARE = 0.002
"""Of the run, below which a step is only counted."""
_NARROWEST = 40
_NAME_SHARE = 0.35
_TOOK_WIDTH = len("59m59s")
_LEAST_AXIS = 10
_TOP = 3
"""Parts of the critical path that one line names."""
_WORTH_A_NAME = 0.02


def timeline_text(timeline: Timeline, *, width: int = 80) -> str:
    """The run's bars in the order in which they began, none wider than `width`, and the critical path."""
    width = max(width, _NARROWEST)
    rows = _rows(timeline)
    lines = [*_head(timeline), "", *_bars(timeline, rows, width), *_left_out(timeline, rows), "", *_path(timeline)]
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in lines) + "\n"


def where_time_went(timeline: Timeline) -> str:
    """`planning 0.4s, cluster 2.9s, …`: the longest parts of the critical path, the longest first."""
    longest = sorted(_merged(timeline), key=lambda part: part[1], reverse=True)
    named = [part for part in longest if part[1] >= _WORTH_A_NAME * timeline.seconds][:_TOP]
    rest = timeline.seconds - sum(seconds for _, seconds in named)
    parts = [f"{name} {lasted(seconds)}" for name, seconds in named]
    if rest >= max(0.05, _WORTH_A_NAME * timeline.seconds):
        parts.append(f"the rest {lasted(rest)}")
    return ", ".join(parts)


def _head(timeline: Timeline) -> Iterator[str]:
    ended = "not finished" if timeline.exit_code is None else f"exit code {timeline.exit_code}"
    yield f"{timeline.run}: {timeline.command}" if timeline.run else timeline.command
    yield f"stack {timeline.stack}, {timeline.began:%Y-%m-%d %H:%M:%S} UTC, {lasted(timeline.seconds)}, {ended}"


def _rows(timeline: Timeline) -> Sequence[Bar]:
    """The bars that are shown: those of the critical path, then the longest."""
    least = timeline.seconds * _LEAST_SHARE
    shown = [bar for bar in timeline.bars if bar.seconds > least or bar.status in {"failed", "not finished"}]
    ranked = sorted(shown, key=lambda bar: (not bar.critical, -bar.seconds))[:_MOST_ROWS]
    chosen = {id(bar) for bar in ranked}
    return [bar for bar in shown if id(bar) in chosen]


def _bars(timeline: Timeline, rows: Sequence[Bar], width: int) -> Iterator[str]:
    longest = max((len(_name(bar)) for bar in rows), default=0)
    names = max(8, min(longest, int(width * _NAME_SHARE)))
    room = max(_LEAST_AXIS, width - names - _TOOK_WIDTH - 3)
    yield f"{'':{names}} {'':>{_TOOK_WIDTH}}  {_axis(timeline.seconds, room)}"
    for bar in rows:
        name = _name(bar) if len(_name(bar)) <= names else f"{_name(bar)[: names - 1]}…"
        yield f"{name:<{names}} {lasted(bar.seconds):>{_TOOK_WIDTH}}  {_drawn(bar, timeline.seconds, room)}"
    if any(bar.critical for bar in rows):
        yield f"{'':{names}} {'':>{_TOOK_WIDTH}}  # on the critical path, - beside it"


def _axis(seconds: float, room: int) -> str:
    axis = [" "] * room
    free = 0
    for at in ticks(seconds, max(1, room // 12)):
        text, place = tick_text(at), round(at / seconds * room) if seconds else 0
        if place >= free and place + len(text) <= room:
            axis[place : place + len(text)] = text
            free = place + len(text) + 1
    return "".join(axis).rstrip()


def _drawn(bar: Bar, seconds: float, room: int) -> str:
    if not seconds:
        return ""
    begin = min(room - 1, int(bar.start / seconds * room))
    length = max(1, round(bar.end / seconds * room) - begin)
    mark = "" if bar.status in {"done", "unchanged"} else f" {bar.status}"
    drawn = " " * begin + ("#" if bar.critical else "-") * length
    return drawn + mark if len(drawn) + len(mark) <= room else drawn[: room - len(mark)] + mark


def _left_out(timeline: Timeline, rows: Sequence[Bar]) -> Iterator[str]:
    hidden = len(timeline.bars) - len(rows)
    if hidden:
        yield f"and {hidden} more that took less (--html shows all)"


def _path(timeline: Timeline) -> Iterator[str]:
    yield f"Critical path, {lasted(timeline.critical_seconds)}:"
    yield from (f"  {share:>4}  {took:>6}  {text}" for share, took, text in path_lines(timeline))


def path_lines(timeline: Timeline) -> Iterator[tuple[str, str, str]]:
    """The parts of the critical path that are worth a line: share of the run, time, and text."""
    for segment in timeline.path:
        if segment.seconds >= max(_LEAST_SHARE * timeline.seconds, 0.0005):
            yield _share(segment, timeline), lasted(segment.seconds), _told(segment, timeline)


def _told(segment: Segment, timeline: Timeline) -> str:
    bar = timeline.bar(segment.bar) if segment.bar else None
    if bar is None:
        return segment.why
    needs = f"; {segment.why}" if segment.why.startswith("needs") else ""
    return f"{_name(bar)}: {bar.reason}{needs}"


def _share(segment: Segment, timeline: Timeline) -> str:
    return f"{segment.seconds / timeline.seconds:.0%}" if timeline.seconds else ""


def _merged(timeline: Timeline) -> Sequence[tuple[str, float]]:
    """The parts of the critical path by name."""
    parts: dict[str, float] = {}
    for segment in timeline.path:
        name = short_id(StepId(segment.bar)) if segment.bar else "not recorded"
        parts[name] = parts.get(name, 0.0) + segment.seconds
    return list(parts.items())


def _name(bar: Bar) -> str:
    return short_id(StepId(bar.id))
