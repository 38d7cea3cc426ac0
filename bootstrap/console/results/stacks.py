"""The stacks of this machine, and those that `gc` removed, as text and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.console.format import lasted
from bootstrap.console.json_lines import VERSION
from bootstrap.model.lease import Collected
from bootstrap.model.status import StackLine

_COLUMNS = ("STACK", "NAME", "PROVIDER", "STATE", "TIME LEFT", "PROJECT")


def collected_text(stacks: Sequence[Collected], *, dry_run: bool) -> str:
    """A line for each."""
    verb = "would remove" if dry_run else "removed"
    lines = [] if any(not stack.unread for stack in stacks) else ["nothing has expired"]
    for stack in stacks:
        if stack.unread:
            lines.append(f"{stack.identity} were not looked at: {stack.unread}")
            continue
        lines.append(
            f"{stack.identity} stays: {stack.failure}" if stack.failure else f"{verb} {stack.identity}: {stack.why}"
        )
        if stack.differences:
            lines.append(f"    is declared differently now: {'; '.join(stack.differences)}")
    return "".join(f"{line}\n" for line in lines)


def collected_json(collected: Sequence[Collected], *, dry_run: bool) -> str:
    """`{"version": 1, "dry_run", "stacks": [{"id", "why", "failure", "unread", "differences"}]}`."""
    stacks = [
        {
            "id": stack.identity,
            "why": stack.why,
            "failure": stack.failure,
            "unread": stack.unread,
            "differences": list(stack.differences),
        }
        for stack in collected
    ]
    return json.dumps({"version": VERSION, "dry_run": dry_run, "stacks": stacks}, indent=2) + "\n"


def stacks_text(stacks: Sequence[StackLine]) -> str:
    """A table; why one is not running stands beneath it."""
    if not stacks:
        return "no stacks\n"
    rows = [_COLUMNS, *(_row(stack) for stack in stacks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = []
    for row, stack_line in zip(rows, (None, *stacks), strict=True):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        if stack_line is not None and stack_line.detail:
            lines.append(f"    {stack_line.detail}")
    return "".join(f"{line}\n" for line in lines)


def stacks_json(stacks: Sequence[StackLine]) -> str:
    """`{"version": 1, "stacks": [{"id", "stack", "name", "project", "provider", "state", …}]}`."""
    entries = [
        {
            "id": stack.identity,
            "stack": stack.stack,
            "name": stack.instance,
            "project": stack.project,
            "provider": stack.provider,
            "state": stack.state,
            "detail": stack.detail,
            "expires": None if stack.expires is None else stack.expires.isoformat(),
            "seconds_left": None if stack.seconds_left is None else round(stack.seconds_left),
            "folder": stack.folder,
        }
        for stack in stacks
    ]
    return json.dumps({"version": VERSION, "stacks": entries}, indent=2) + "\n"


def _row(stack: StackLine) -> tuple[str, ...]:
    left = "-" if stack.seconds_left is None else "over" if stack.seconds_left <= 0 else lasted(stack.seconds_left)
    return (stack.stack, stack.instance or "-", stack.provider or "-", stack.state, left, stack.project or "-")
