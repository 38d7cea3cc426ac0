"""A timeline as an SVG picture: the same for the same run, without any program to draw it."""

from collections.abc import Iterator, Sequence
from html import escape

from bootstrap.console.format import lasted, short_id
from bootstrap.console.timeline.model import Bar, Lane, PodBar, Timeline
from bootstrap.console.timeline.scale import tick_text, ticks
from bootstrap.model.step import StepId

_WIDTH, _NAMES, _MARGIN = 1000.0, 250.0, 90.0
"""Of the picture, of the names at its left, and of the times at its right."""
_ROW, _BAR, _POD_ROW, _POD_BAR = 22, 14, 14, 7
_TOP = 30
_LETTERS = 36
_MOST_PODS = 8
"""Pods of a step that are drawn, the latest first; the page lists all."""
_STAGE_CLASSES = {"scheduling": "s1", "pulling": "s2", "starting": "s3", "becoming ready": "s4"}
STYLE = """
.tl { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --path: #0a5ad4; --beside: #9db3c9; --bad: #c62828;
  --s1: #8d6bd1; --s2: #c77d00; --s3: #2a8f80; --s4: #4f9f4f; font: 12px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { .tl { --ink: #e6edf3; --soft: #9aa4af; --line: #3d444d; --path: #58a6ff;
  --beside: #5b6b7d; --bad: #ff7b72; --s1: #a98ee6; --s2: #e0a13a; --s3: #4cc2b0; --s4: #74c274 } }
.tl text { fill: var(--ink) } .tl .soft { fill: var(--soft) } .tl .lane { font-weight: 600 }
.tl line { stroke: var(--line) } .tl .path { fill: var(--path) } .tl .beside { fill: var(--beside) }
.tl .failed { fill: var(--bad) } .tl .gap { fill: none; stroke: var(--path); stroke-dasharray: 3 2 }
.tl .s1 { fill: var(--s1) } .tl .s2 { fill: var(--s2) } .tl .s3 { fill: var(--s3) } .tl .s4 { fill: var(--s4) }
.tl a:focus-visible rect { stroke: var(--ink); stroke-width: 2 }
"""


def timeline_svg(timeline: Timeline, *, links: bool = False) -> str:
    """The picture; with `links` each bar leads to `#step-N`, N being its place in the timeline."""
    rows = [*_path_rows(timeline), *_lane_rows(timeline, links=links)]
    height = _TOP + sum(size for size, _ in rows) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" viewBox="0 0 {_WIDTH:g} {height}" role="img">',
        f"<title>{escape(_title(timeline))}</title>",
        f"<style>{STYLE}</style>",
        *_axis(timeline, height),
    ]
    top = _TOP
    for size, parts in rows:
        lines.append(f'<g transform="translate(0 {top})">{"".join(parts)}</g>')
        top += size
    return "\n".join([*lines, "</svg>", ""])


def drawn_bars(timeline: Timeline, lane: Lane) -> Sequence[tuple[int, Bar]]:
    """The bars of a lane that took any time, each with its place in the timeline."""
    return [(number, bar) for number, bar in enumerate(timeline.bars) if bar.lane is lane and bar.worked]


def _title(timeline: Timeline) -> str:
    return f"Timeline of {timeline.command}: {lasted(timeline.seconds)}"


def _axis(timeline: Timeline, height: int) -> Iterator[str]:
    for at in ticks(timeline.seconds, 10):
        x = _x(at, timeline)
        yield f'<line x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{height}"/>'
        yield f'<text class="soft" x="{x}" y="14" text-anchor="middle">{tick_text(at)}</text>'


def _path_rows(timeline: Timeline) -> Iterator[tuple[int, list[str]]]:
    """The critical path in one row."""
    parts = [_name_text("critical path", "lane", 0)]
    for segment in timeline.path:
        kind = "path" if segment.bar else "gap"
        told = f"{segment.bar or segment.why}, {lasted(segment.seconds)}"
        parts.append(_rect((segment.start, segment.end), kind, (4, _BAR), told, timeline))
    yield _ROW, parts


def _lane_rows(timeline: Timeline, *, links: bool) -> Iterator[tuple[int, list[str]]]:
    for lane in Lane:
        bars = drawn_bars(timeline, lane)
        if bars:
            yield _ROW, [_name_text(lane.value, "lane", 0)]
        for number, bar in bars:
            yield _ROW, _bar_row(bar, timeline, f"step-{number}" if links else "")
            latest = sorted(bar.pods, key=lambda pod: pod.end, reverse=True)[:_MOST_PODS]
            yield from ((_POD_ROW, _pod_row(pod, timeline)) for pod in latest)


def _bar_row(bar: Bar, timeline: Timeline, target: str) -> list[str]:
    kind = "failed" if bar.status == "failed" else "path" if bar.critical else "beside"
    told = f"{bar.id}, {lasted(bar.seconds)}, {bar.status}: {bar.reason}"
    rect = _rect((bar.start, bar.end), kind, (4, _BAR), told, timeline)
    parts = [_name_text(short_id(StepId(bar.id)), "", 12), rect]
    x = _x(bar.end, timeline) + 5
    parts.append(f'<text class="soft" x="{x:.1f}" y="15">{lasted(bar.seconds)}</text>')
    return [f'<a href="#{target}">', *parts, "</a>"] if target else parts


def _pod_row(pod: PodBar, timeline: Timeline) -> list[str]:
    parts = [f'<text class="soft" x="24" y="10" font-size="10">{escape(_shortened(pod.name))}</text>']
    for stage, start, end in pod.stages():
        told = f"{pod.name}: {stage}, {lasted(end - start)}"
        parts.append(_rect((start, end), _STAGE_CLASSES[stage], (3, _POD_BAR), told, timeline))
    return parts


def _name_text(name: str, kind: str, indent: int) -> str:
    classed = f' class="{kind}"' if kind else ""
    return f'<text{classed} x="{indent}" y="15">{escape(_shortened(name))}</text>'


def _rect(times: tuple[float, float], kind: str, box: tuple[int, int], told: str, timeline: Timeline) -> str:
    start, end = (max(0.0, min(at, timeline.seconds)) for at in times)
    x, (y, height) = _x(start, timeline), box
    width = max(1.0, _x(end, timeline) - x)
    place = f'x="{x}" y="{y}" width="{width:.1f}" height="{height}" rx="2"'
    return f'<rect class="{kind}" {place}><title>{escape(told)}</title></rect>'


def _x(seconds: float, timeline: Timeline) -> float:
    room = _WIDTH - _NAMES - _MARGIN
    return round(_NAMES + (seconds / timeline.seconds * room if timeline.seconds else 0.0), 1)


def _shortened(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
