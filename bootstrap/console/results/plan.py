"""A plan as a result: text for people, JSON for programs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.console.json_lines import VERSION, action_name, step_record
from bootstrap.console.results.graph import graph_text
from bootstrap.model.count import counted
from bootstrap.model.release import Note
from bootstrap.model.step import Keep, Plan, Refuse, Replace

_NEEDS_SHOWN = 3


def plan_shown(plan: Plan, output: str, configuration: Mapping[str, Any] | None = None, *, title: str = "") -> str:
    """The plan as `text`, `json`, or as a picture of its graph: `svg`, or `html` with this title."""
    match output:
        case "json":
            return plan_json(plan, configuration)
        case "svg" | "html":
            return graph_text(plan, output, title=title)
        case _:
            return plan_text(plan, configuration)


def plan_text(plan: Plan, configuration: Mapping[str, Any] | None = None) -> str:
    """Each step with its reason and its needs, then the notes, then the number of changes.

    A given configuration of the program that creates the cluster comes first.
    """
    rows = [(step.id, action_name(step.action).replace("_", " "), step.reason) for step in plan.steps]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = []
    for step, (name, action, reason) in zip(plan.steps, rows, strict=True):
        needs = f"  (needs {_listed(step.needs)})" if step.needs else ""
        mark = " " if isinstance(step.action, Keep) else "!" if isinstance(step.action, Refuse) else "*"
        lines.append(f"{mark} {name:<{widths[0]}}  {action:<{widths[1]}}  {reason}{needs}")
        if isinstance(step.action, Replace):
            lines += [f"    {line}" for line in _replacing(step.action)]
    notes = [f"note: {_note(note)}" for note in plan.notes if not note.loud]
    notes += [f"warning: {_note(note)}" for note in plan.notes if note.loud]
    return "\n".join([*_given(configuration), *lines, *notes, _sum(plan)]) + "\n"


def plan_json(plan: Plan, configuration: Mapping[str, Any] | None = None) -> str:
    """`{"version": 1, "steps": [{"id", "action", "needs", "reason"}], "changes", "notes"}`.

    And `configuration`, if one is given.
    """
    notes = [{"text": note.text, "place": None if note.place is None else str(note.place)} for note in plan.notes]
    document = {
        "version": VERSION,
        "steps": [step_record(step) for step in plan.steps],
        "changes": plan.changes,
        "notes": notes,
        **({} if configuration is None else {"configuration": configuration}),
    }
    return json.dumps(document, indent=2) + "\n"


def _given(configuration: Mapping[str, Any] | None) -> Iterator[str]:
    if configuration is None:
        return
    import yaml  # noqa: PLC0415 - only where there is one

    yield "configuration of the cluster:"
    for line in yaml.safe_dump(configuration, sort_keys=False).splitlines():
        yield f"  {line}"


def _sum(plan: Plan) -> str:
    if refused := len(plan.refusals):
        steps = counted(len(plan.steps), "step")
        return f"{plan.changes} of {steps} would change something (*), {refused} cannot be done (!)"
    if not plan.changes:
        return f"Nothing to do: {counted(len(plan.steps), 'step')} unchanged"
    return f"{plan.changes} of {counted(len(plan.steps), 'step')} would change something (*)"


def _replacing(action: Replace) -> Iterator[str]:
    """What is lost, and how to give consent if it is missing."""
    if action.replacement.losses:
        yield f"lost with it: {action.replacement.loss}"
    if not action.consented:
        going_on = "; the old one stays, and the other steps use it" if action.lives else ""
        yield f"refused without --allow-replace {action.consent_to}{going_on}"


def _listed(needs: tuple[str, ...]) -> str:
    shown = ", ".join(needs[:_NEEDS_SHOWN])
    return shown if len(needs) <= _NEEDS_SHOWN else f"{shown} and {len(needs) - _NEEDS_SHOWN} more"


def _note(note: Note) -> str:
    return note.text if note.place is None else f"{note.place}: {note.text}"
