"""The graph of a plan as an SVG picture: the same for the same plan, without any program to draw it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bootstrap.console.format import short_id
from bootstrap.console.graph.layout import Layout, Line, laid_out, without_detours
from bootstrap.console.json_lines import action_name
from bootstrap.model.step import Edge, EdgeKind, Keep, Plan, Refuse, Replace, Step

_LETTER, _LEAST, _MOST = 6.6, 90.0, 300.0
"""Width of a letter, and of a box."""
_BOX, _GAP, _PASS, _BETWEEN, _EDGE = 40.0, 14.0, 12.0, 64.0, 12.0
"""Height of a box, what is between two, the room of a passing line, the room between columns, the margin."""
_KEY = 30.0
STYLE = """
.gr { --ink: #1b1f24; --soft: #57606a; --edge: #8c959f; --keep: #f6f8fa; --keep-edge: #d0d7de; --change: #ddf0ff;
  --change-edge: #0a5ad4; --replace: #fff1d6; --replace-edge: #9a6700; --refuse: #ffe3e3; --refuse-edge: #c62828;
  font: 12px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { .gr { --ink: #e6edf3; --soft: #9aa4af; --edge: #6e7781; --keep: #1c2128;
  --keep-edge: #3d444d; --change: #10294a; --change-edge: #58a6ff; --replace: #3a2a08; --replace-edge: #e0a13a;
  --refuse: #421c1c; --refuse-edge: #ff7b72 } }
.gr text { fill: var(--ink) } .gr .soft { fill: var(--soft); font-size: 11px }
.gr path { fill: none; stroke: var(--edge); stroke-width: 1.2 } .gr .head { fill: var(--edge); stroke: none }
.gr .dependsOn { stroke-dasharray: none } .gr .inferred { stroke-dasharray: 6 3 } .gr .listed { stroke-dasharray: 2 3 }
.gr .structure { stroke-width: 2 }
.gr .keep { fill: var(--keep); stroke: var(--keep-edge) }
.gr .change { fill: var(--change); stroke: var(--change-edge) }
.gr .replace { fill: var(--replace); stroke: var(--replace-edge) }
.gr .refuse { fill: var(--refuse); stroke: var(--refuse-edge) }
"""
_HEAD = (
    '<defs><marker id="gr-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>'
)
CHANGES = {"change": "would change", "replace": "would be replaced", "refuse": "cannot be done", "keep": "unchanged"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def graph_svg(plan: Plan) -> str:
    """Each step as a box with its reason, coloured by what would change; lines that others imply are left out."""
    names = [step.id for step in plan.steps]
    edges: dict[Line, Edge] = {(edge.needs, edge.step): edge for edge in plan.edges}
    layout = laid_out(names, without_detours(names, [*edges, *_needs(plan)]))
    steps: dict[str, Step] = {step.id: step for step in plan.steps}
    boxes = _boxes(layout, steps)
    width = max((box.x + box.width for box in boxes.values()), default=0.0) + _EDGE
    height = max((box.y + box.height for box in boxes.values()), default=0.0) + _EDGE
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gr" {size} role="img">',
        f"<title>{len(plan.steps)} steps, {plan.changes} would change something</title>",
        f"<style>{STYLE}</style>",
        _HEAD,
        *_key(),
        *(_line(way, boxes, edges.get(line)) for line, way in layout.ways.items()),
        *(_drawn(step, boxes[step.id]) for step in plan.steps),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def change_of(step: Step) -> str:
    """What would happen to it: `keep`, `change`, `replace` or `refuse`."""
    match step.action:
        case Keep():
            return "keep"
        case Refuse():
            return "refuse"
        case Replace():
            return "replace"
        case _:
            return "change"


def _needs(plan: Plan) -> Sequence[Line]:
    return [(need, step.id) for step in plan.steps for need in step.needs]


def _boxes(layout: Layout, steps: Mapping[str, Step]) -> Mapping[str, _Box]:
    """Every step's place, and those of passing lines; the columns are centred on each other."""
    tall = max((_height(column, steps) for column in layout.columns), default=0.0)
    boxes: dict[str, _Box] = {}
    x = _EDGE
    for column in layout.columns:
        width = max((_width(steps[name]) for name in column if name in steps), default=_LEAST)
        y = _EDGE + _KEY + (tall - _height(column, steps)) / 2
        for name in column:
            height = _BOX if name in steps else _PASS
            boxes[name] = _Box(x=x, y=round(y, 1), width=width, height=height)
            y += height + _GAP
        x += width + _BETWEEN
    return boxes


def _height(column: Sequence[str], steps: Mapping[str, Step]) -> float:
    return sum((_BOX if name in steps else _PASS) + _GAP for name in column) - _GAP


def _width(step: Step) -> float:
    longest = max(len(short_id(step.id)), len(_what(step)))
    return round(min(_MOST, max(_LEAST, longest * _LETTER + 16)), 1)


def _what(step: Step) -> str:
    if isinstance(step.action, Keep):
        return step.reason
    return f"{action_name(step.action).replace('_', ' ')}: {step.reason}"


def _drawn(step: Step, box: _Box) -> str:
    place = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"'
    x, room = box.x + 8, int((box.width - 12) / _LETTER)
    return (
        f"<g><title>{escape(f'{step.id}: {_what(step)}')}</title>"
        f'<rect class="{change_of(step)}" {place}/>'
        f'<text x="{x:g}" y="{box.y + 17:g}">{escape(_cut(short_id(step.id), room))}</text>'
        f'<text class="soft" x="{x:g}" y="{box.y + 32:g}">{escape(_cut(_what(step), room))}</text></g>'
    )


def _line(way: Sequence[str], boxes: Mapping[str, _Box], edge: Edge | None) -> str:
    """A curve through all places of the way."""
    first, *rest = (boxes[name] for name in way)
    x, y = first.x + first.width, first.middle
    drawn = [f"M{x:g} {y:g}"]
    for number, box in enumerate(rest, start=1):
        bend = (box.x - x) / 2
        drawn.append(f"C{x + bend:g} {y:g} {box.x - bend:g} {box.middle:g} {box.x:g} {box.middle:g}")
        if number < len(rest):
            drawn.append(f"H{box.x + box.width:g}")
        x, y = box.x + box.width, box.middle
    kind = "structure" if edge is None else edge.kind.value.split()[0]
    text = f"{way[-1]} needs {way[0]}" + (f": {edge.reason} ({edge.kind})" if edge is not None else "")
    return f'<path class="{kind}" d="{" ".join(drawn)}" marker-end="url(#gr-head)"><title>{escape(text)}</title></path>'


def _key() -> Iterator[str]:
    """What the colours and lines mean."""
    x = _EDGE
    for change, text in CHANGES.items():
        yield f'<rect class="{change}" x="{x:g}" y="8" width="12" height="12" rx="2"/>'
        yield f'<text class="soft" x="{x + 17:g}" y="18">{text}</text>'
        x += 30 + len(text) * _LETTER
    for kind in EdgeKind:
        yield f'<path class="{kind.value.split()[0]}" d="M{x:g} 14h22"/>'
        yield f'<text class="soft" x="{x + 27:g}" y="18">{kind.value}</text>'
        x += 40 + len(kind.value) * _LETTER


def _cut(text: str, room: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= room else f"{line[: max(1, room - 1)]}…"
