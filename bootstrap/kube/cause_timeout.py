"""How long a cause that does not go away by itself is waited for, before the wait ends because of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import ObjectRef
from bootstrap.system.clock import Clock
from bootstrap.system.machine_load import is_loaded

USUAL = timedelta(seconds=15)
LOADED = timedelta(seconds=30)
"""Where the machine has more to do than it can: everything takes longer there, also what heals itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long is waited, on this machine and for this run."""

    asked: timedelta | None = None
    """`--patience`; None: as the table says."""
    loaded: Callable[[], bool] = is_loaded

    @property
    def length(self) -> timedelta:
        """From when a terminal cause was seen first until the wait ends."""
        return self.asked or (LOADED if self.loaded() else USUAL)


class CauseTimes:
    """Since when each terminal cause of one wait is seen."""

    def __init__(self, patience: Patience, clock: Clock) -> None:
        self._patience = patience
        self._clock = clock
        self._since: dict[tuple[CauseKind, ObjectRef], float] = {}

    def over(self, causes: Iterable[Cause]) -> Cause | None:
        """Take in what is seen now; the cause that has lasted too long.

        A cause that is there all the time but not terminal just now, as that of a container which runs once more, is
        neither forgotten nor reason enough to end the wait.
        """
        now, seen = self._clock.monotonic(), tuple(causes)
        there = {(cause.kind, cause.of) for cause in seen}
        self._since = {key: since for key, since in self._since.items() if key in there}
        for cause in seen:
            if cause.terminal:
                since = self._since.setdefault((cause.kind, cause.of), now)
                if now - since >= self._patience.length.total_seconds():
                    return cause
        return None
