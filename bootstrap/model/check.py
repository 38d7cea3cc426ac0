"""Checks of the machine by `doctor`, and their results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Level(StrEnum):
    """What a check means for the user."""

    FINE = "fine"
    NOTE = "note"
    """Nothing is wrong, but something will happen that the user may not expect."""
    FINDING = "finding"
    """Must be repaired; `doctor` then ends with exit code 4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at."""

    subject: str
    level: Level
    text: str
    fix: str | None = None


Probe: TypeAlias = Callable[[], Sequence[Check]]
"""Looks at one thing; the rooms' probes together are what `examine` is given."""
