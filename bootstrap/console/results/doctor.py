"""What was found out about the machine and its programs, as text and as JSON."""

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
    """A line per check, and how to mend what must be mended below it."""
    width = max((len(one.subject) for one in checks), default=0)
    lines = []
    for one in checks:
        lines.append(f"{_MARKS[one.level]} {one.subject:<{width}}  {one.text}")
        if one.fix is not None and one.level != "fine":
            lines.append(f"  {'':<{width}}  Fix: {one.fix}")
    bad = sum(one.level == "finding" for one in checks)
    lines.append(f"{bad} to mend" if bad else "nothing to mend")
    return "\n".join((*lines, ""))


def checks_json(checks: Sequence[Checked]) -> str:
    """`{"version": 1, "checks": [{"subject", "level", "text", "fix"}]}`."""
    found = [{"subject": one.subject, "level": str(one.level), "text": one.text, "fix": one.fix} for one in checks]
    return json.dumps({"version": 1, "checks": found}, indent=2) + "\n"


def programs_text(programs: Sequence[Located]) -> str:
    """A line per program: its version, its path, and why it is the one."""
    rows = [(one.name, getattr(one, "version", "-"), str(getattr(one, "path", "-")), one.why) for one in programs]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "".join(
        f"{name:<{widths[0]}}  {version:<{widths[1]}}  {path:<{widths[2]}}  {why}\n"
        for name, version, path, why in rows
    )


def programs_json(programs: Sequence[Located]) -> str:
    """`{"version": 1, "programs": [{"name", "version", "path", "why"}]}`; null: it is not here."""
    found = []
    for one in programs:
        path = getattr(one, "path", None)
        row = {"name": one.name, "version": getattr(one, "version", None), "path": path and str(path), "why": one.why}
        found.append(row)
    return json.dumps({"version": 1, "programs": found}, indent=2) + "\n"
