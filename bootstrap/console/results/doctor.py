"""The checks of this machine and its programs, as text and as JSON."""

import json
from collections.abc import Sequence
from typing import Protocol

_MARKS = {"fine": "✓", "note": "·", "finding": "✗"}


class Checked(Protocol):
    """One thing that was looked at."""

    @property
    def subject(self) -> str:
        """What was looked at."""
        ...

    @property
    def level(self) -> str:
        """`fine`, `note` or `finding`."""
        ...

    @property
    def text(self) -> str:
        """What was seen."""
        ...

    @property
    def fix(self) -> str | None:
        """What to do about a finding."""
        ...


class Located(Protocol):
    """A program, here or not."""

    @property
    def name(self) -> str:
        """`helm`."""
        ...

    @property
    def why(self) -> str:
        """Why this one is used, or why none is."""
        ...


def checks_text(checks: Sequence[Checked]) -> str:
    """A line per check, followed by the fix of what must be repaired."""
    width = max((len(check.subject) for check in checks), default=0)
    lines = []
    for checked in checks:
        lines.append(f"{_MARKS[checked.level]} {checked.subject:<{width}}  {checked.text}")
        if checked.fix is not None and checked.level != "fine":
            lines.append(f"  {'':<{width}}  Fix: {checked.fix}")
    bad = sum(check.level == "finding" for check in checks)
    lines.append(f"{bad} to repair" if bad else "nothing to repair")
    return "\n".join((*lines, ""))


def checks_json(checks: Sequence[Checked]) -> str:
    """`{"version": 1, "checks": [{"subject", "level", "text", "fix"}]}`."""
    entries = [
        {"subject": check.subject, "level": str(check.level), "text": check.text, "fix": check.fix} for check in checks
    ]
    return json.dumps({"version": 1, "checks": entries}, indent=2) + "\n"


def programs_text(programs: Sequence[Located]) -> str:
    """A line per program: its version, its path, and why it was chosen."""
    rows = [
        (program.name, getattr(program, "version", "-"), str(getattr(program, "path", "-")), program.why)
        for program in programs
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "".join(
        f"{name:<{widths[0]}}  {version:<{widths[1]}}  {path:<{widths[2]}}  {why}\n"
        for name, version, path, why in rows
    )


def programs_json(programs: Sequence[Located]) -> str:
    """`{"version": 1, "programs": [{"name", "version", "path", "why"}]}`; null: it is not here."""
    rows = []
    for program in programs:
        path = getattr(program, "path", None)
        row = {
            "name": program.name,
            "version": getattr(program, "version", None),
            "path": path and str(path),
            "why": program.why,
        }
        rows.append(row)
    return json.dumps({"version": 1, "programs": rows}, indent=2) + "\n"
