"""The events of a run; docs/events.md describes their stable JSON form."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from bootstrap.errors import BootstrapError
from bootstrap.model.pod_times import PodTimes
from bootstrap.model.release import Note
from bootstrap.model.step import Plan, StepId


class Status(StrEnum):
    """How a step ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a step ended, and the detail to print."""

    status: Status
    detail: str = ""
    """`created, 6 objects`; for SKIPPED the id of the step that is to blame."""
    error: BootstrapError | None = None
    pods: tuple[PodTimes, ...] = ()
    """The pods of a release or of objects, at the end of their wait; empty where pods are simulated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The first event of every run."""

    at: datetime
    command: str
    stack: str
    headline: str
    """`Bringing up stack dev on kwok: pods are simulated`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """The plan is made."""

    at: datetime
    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """Something the user should know."""

    at: datetime
    note: Note


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted:
    """A step begins."""

    at: datetime
    step: StepId
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProgress:
    """What a step is doing or waiting for now."""

    at: datetime
    step: StepId
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFinished:
    """A step ended; exactly one for every step of the plan."""

    at: datetime
    step: StepId
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished:
    """The last event of every run."""

    at: datetime
    exit_code: int
    seconds: float
    counts: dict[str, int]
    """Steps by status."""
    log: str | None = None
    summary: tuple[str, ...] = ()
    """Lines for the end: URLs, what is simulated, the next command."""


Event: TypeAlias = RunStarted | Planned | Noted | StepStarted | StepProgress | StepFinished | RunFinished
Emit: TypeAlias = Callable[[Event], None]
Notify: TypeAlias = Callable[[str], None]
"""Reports what the current step is doing or waiting for."""
