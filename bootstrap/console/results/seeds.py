"""The results of the verbs of `seed`, as text."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootstrap.model.count import counted
from bootstrap.seeds.model import MASK, Action, Difference, DifferenceKind, Value
from bootstrap.seeds.results import ResourceChange, ScriptWarning, SeedPlan, SeedResult
from bootstrap.seeds.script_import import SeedImport

_MARKS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DRIFTED: "!",
    Action.UNCHANGED: " ",
    Action.ORPHANED: "-",
    Action.FOREIGN: "?",
    Action.DELETE: "-",
}
_WIDTH = 60
_WARNING_LINES = 20


def plan_text(plan: SeedPlan, *, verbose: bool = False) -> str:
    """Each resource that is not as declared with its fields, and how many of each there are."""
    lines = [*_resources(plan.resources, verbose=verbose), plan.summary()]
    return "\n".join([*lines, *plan.notes, ""])


def result_text(result: SeedResult, *, verbose: bool = False) -> str:
    """Each resource that was changed, and how many of each there are."""
    prefix = "would be: " if result.dry_run else ""
    calls = f"{result.calls.read} reads, {result.calls.write} writes"
    lines = [*_resources(result.resources, verbose=verbose), f"{prefix}{result.summary()} ({calls})"]
    warnings = [line for warning in result.warnings for line in _warning(warning)]
    return "\n".join([*lines, *warnings, *result.notes, ""])


def import_text(imported: SeedImport, files: Sequence[Path]) -> str:
    """The imported fixtures, the proof that they are complete, and what is left out."""
    exported = imported.exported
    scripts, resources = counted(len(imported.scripts), "script"), counted(len(exported.resources), "resource")
    lines = [f"{scripts} ran; {resources} in {counted(len(files), 'file')}", *(f"    {file}" for file in files)]
    if exported.resources and not imported.differences:
        where = "where the scripts ran, and in an empty emulator that they were applied to"
        lines.append(f"proven: their plan is empty {where}")
    lines += [line for warning in imported.warnings for line in _warning(warning)]
    if imported.left_out:
        lines += ["not imported:", *(f"    {line}" for line in imported.left_out)]
    return "\n".join([*lines, *imported.notes, ""])


def _warning(warning: ScriptWarning) -> Iterator[str]:
    yield f"warning: {warning.id} is done, but commands in it failed:"
    shown = warning.lines[:_WARNING_LINES]
    yield from (f"    {line}" for line in shown)
    if len(warning.lines) > len(shown):
        yield f"    … {len(warning.lines) - len(shown)} more lines"
    yield f"    Log: {warning.log}"


def _resources(resources: tuple[ResourceChange, ...], *, verbose: bool) -> Iterator[str]:
    for resource in resources:
        if resource.action is Action.UNCHANGED and not verbose:
            continue
        yield f"{_MARKS[resource.action]} {resource.id}: {resource.action} ({resource.reason})"
        yield from (
            f"    {_field(field)}" for field in resource.differences if resource.action is not Action.CREATE or verbose
        )


def _field(difference: Difference) -> str:
    if difference.kind in {DifferenceKind.EXTRA, DifferenceKind.ORPHANED}:
        return f"{difference.path}: {_shown(difference.old, secret=difference.secret)} ({difference.kind})"
    if difference.old == difference.new:
        return f"{difference.path}: again"
    old, new = _shown(difference.old, secret=difference.secret), _shown(difference.new, secret=difference.secret)
    return f"{difference.path}: {old} → {new}" + (" (drifted)" if difference.kind is DifferenceKind.DRIFTED else "")


def _shown(value: Value, *, secret: bool) -> str:
    if value is None:
        return "none"
    if secret:
        return MASK
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
