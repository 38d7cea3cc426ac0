"""The stacks of this machine, and those that were taken away, as text and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.console.format import lasted
from bootstrap.console.json_lines import VERSION
from bootstrap.model.lease import Collected
from bootstrap.model.status import StackLine

_COLUMNS = ("STACK", "NAME", "PROVIDER", "STATE", "TIME LEFT", "PROJECT")


def collected_text(found: Sequence[Collected], *, dry_run: bool) -> str:
    """A line for each."""
    if not found:
        return "nothing is past its time\n"
    verb = "would take away" if dry_run else "took away"
    return "".join(
        f"{one.identity} stays: {one.failure}\n" if one.failure else f"{verb} {one.identity}: {one.why}\n"
        for one in found
    )


def collected_json(found: Sequence[Collected], *, dry_run: bool) -> str:
    """`{"version": 1, "dry_run", "stacks": [{"id", "why", "failure"}]}`."""
    stacks = [{"id": one.identity, "why": one.why, "failure": one.failure} for one in found]
    return json.dumps({"version": VERSION, "dry_run": dry_run, "stacks": stacks}, indent=2) + "\n"


def stacks_text(stacks: Sequence[StackLine]) -> str:
    """A table; why one is not running stands beneath it."""
    if not stacks:
        return "no stacks\n"
    rows = [_COLUMNS, *(_row(one) for one in stacks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = []
    for row, one in zip(rows, (None, *stacks), strict=True):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        if one is not None and one.detail:
            lines.append(f"    {one.detail}")
    return "".join(f"{line}\n" for line in lines)


def stacks_json(stacks: Sequence[StackLine]) -> str:
    """`{"version": 1, "stacks": [{"id", "stack", "name", "project", "provider", "state", …}]}`."""
    told = [
        {
            "id": one.identity,
            "stack": one.stack,
            "name": one.instance,
            "project": one.project,
            "provider": one.provider,
            "state": one.state,
            "detail": one.detail,
            "expires": None if one.expires is None else one.expires.isoformat(),
            "seconds_left": None if one.seconds_left is None else round(one.seconds_left),
            "folder": one.folder,
        }
        for one in stacks
    ]
    return json.dumps({"version": VERSION, "stacks": told}, indent=2) + "\n"


def _row(one: StackLine) -> tuple[str, ...]:
    left = "-" if one.seconds_left is None else "over" if one.seconds_left <= 0 else lasted(one.seconds_left)
    return (one.stack, one.instance or "-", one.provider or "-", one.state, left, one.project or "-")
