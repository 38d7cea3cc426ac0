"""The graph of a plan as one HTML page: it needs no script, no other file and no other host."""

from collections.abc import Iterator
from html import escape

from bootstrap.console.graph.picture import CHANGES, change_of, graph_svg
from bootstrap.console.html_page import page_head
from bootstrap.console.json_lines import action_name
from bootstrap.model.step import Edge, Plan, Step

_STYLE = """
:root { color-scheme: light dark; --edge-of-rows: #8885 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem 1.5rem 4rem }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem } .wide { overflow-x: auto }
table { border-collapse: collapse } th, td { border-bottom: 1px solid var(--edge-of-rows); padding: .25rem .6rem;
  text-align: left; vertical-align: top; overflow-wrap: anywhere }
"""


def graph_html(plan: Plan, title: str) -> str:
    """The picture, and below it every step with all that it needs and why."""
    parts = [
        *page_head(title, _STYLE),
        f"<p>{plan.changes} of {len(plan.steps)} steps would change something.</p>",
        f'<div class="wide">{graph_svg(plan)}</div>',
        "<h2>Steps</h2>",
        "<table><tr><th>step</th><th>what would be done</th><th>reason</th><th>needs</th></tr>",
        *(_row(step, plan) for step in plan.steps),
        "</table>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _row(step: Step, plan: Plan) -> str:
    action = CHANGES["keep"] if change_of(step) == "keep" else action_name(step.action).replace("_", " ")
    needs = "<br>".join(escape(need) for need in _needs(step, plan))
    return f"<tr><th>{escape(step.id)}</th><td>{action}</td><td>{escape(step.reason)}</td><td>{needs}</td></tr>"


def _needs(step: Step, plan: Plan) -> Iterator[str]:
    edges: list[Edge] = [edge for edge in plan.edges if edge.step == step.id]
    yield from (f"{edge.needs}: {edge.reason} ({edge.kind})" for edge in edges)
    yield from (need for need in step.needs if need not in {edge.needs for edge in edges})
