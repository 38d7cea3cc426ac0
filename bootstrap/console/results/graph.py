"""The edges of a plan, each with its reason."""

import json
from collections.abc import Mapping

from bootstrap.console.graph.page import graph_html
from bootstrap.console.graph.picture import graph_svg
from bootstrap.console.json_lines import VERSION, edge_record
from bootstrap.model.step import Edge, EdgeKind, Plan, StepId

_DOT_STYLE = {
    EdgeKind.DEPENDS_ON: "solid",
    EdgeKind.INFERRED: "dashed",
    EdgeKind.LISTED: "dotted",
    EdgeKind.STRUCTURE: "bold",
}


def graph_text(plan: Plan, output: str, *, title: str = "") -> str:
    """The graph as `text`, `dot` (Graphviz), `mermaid`, `json`, `svg` or `html` with this title.

    Raises:
        ValueError: another output.
    """
    match output:
        case "text":
            return _text(plan)
        case "dot":
            return _dot(plan)
        case "mermaid":
            return _mermaid(plan)
        case "json":
            return _json(plan)
        case "svg":
            return graph_svg(plan)
        case "html":
            return graph_html(plan, title)
        case _:
            raise ValueError(output)


def _text(plan: Plan) -> str:
    """Each step, beneath it what it waits for and why."""
    lines: list[str] = []
    for step in plan.steps:
        lines.append(step.id)
        lines.extend(f"  after {edge.needs}: {_why(edge)}" for edge in plan.edges if edge.step == step.id)
    return "".join(f"{line}\n" for line in lines)


def _dot(plan: Plan) -> str:
    steps = [f"  {_quoted(step.id)};" for step in plan.steps]
    edges = [
        f"  {_quoted(edge.needs)} -> {_quoted(edge.step)} [label={_quoted(_why(edge))}, style={_DOT_STYLE[edge.kind]}];"
        for edge in plan.edges
    ]
    return "\n".join(["digraph plan {", "  rankdir=LR;", "  node [shape=box];", *steps, *edges, "}"]) + "\n"


def _mermaid(plan: Plan) -> str:
    names: Mapping[StepId, str] = {step.id: f"s{number}" for number, step in enumerate(plan.steps)}
    steps = [f'  {names[step.id]}["{_escaped(step.id)}"]' for step in plan.steps]
    edges = [
        f'  {names[edge.needs]} -->|"{_escaped(_why(edge))}"| {names[edge.step]}'
        for edge in plan.edges
        if edge.needs in names and edge.step in names
    ]
    return "\n".join(["flowchart LR", *steps, *edges]) + "\n"


def _json(plan: Plan) -> str:
    """`{"version": 1, "steps": ["id"], "edges": [{"step", "needs", "kind", "reason"}]}`."""
    document = {
        "version": VERSION,
        "steps": [step.id for step in plan.steps],
        "edges": [edge_record(edge) for edge in plan.edges],
    }
    return json.dumps(document, indent=2) + "\n"


def _why(edge: Edge) -> str:
    return f"{edge.reason} ({edge.kind})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _escaped(text: str) -> str:
    """For a Mermaid label, where a quote is an entity."""
    return text.replace("#", "#35;").replace('"', "#quot;")
