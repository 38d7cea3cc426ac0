"""What the pages are made from: one stack, opened again for each look."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bootstrap.engine.session import Session
from bootstrap.model.check import Check
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Processes

SECONDS = 60.0
"""The longest that a page waits for one look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One stack, and how it is opened: `cli/` gives it."""

    state: StatePaths
    """Its state folder; need not exist."""
    living: Callable[[CancelToken], Session]
    """The stack as it was brought up last."""
    declared: Callable[[CancelToken], Session]
    """The stack as it is declared now."""
    resetting: Callable[[CancelToken], Session]
    """The stack as it was when the snapshot that `reset` restores was saved."""
    examine: Callable[[], Sequence[Check]]
    """What `doctor` looks at."""
    secrets: Callable[[StatePaths], Iterable[str]]
    """The secrets that the stack's own files hold."""
    verb: Callable[[Sequence[str]], Command]
    """A verb of ours for this stack, as a program."""
    processes: Processes
    """Runs it."""
