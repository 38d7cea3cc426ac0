"""The only room that reads a clock or sleeps."""

import threading
import time
import weakref
from datetime import UTC, datetime
from typing import Protocol

from bootstrap.errors import CancelledError, DeadlineError


class Clock(Protocol):
    """Time as it is given to those who need it."""

    def now(self) -> datetime:
        """The wall time, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep at most `seconds`, or until the event is set; True when it is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The wall time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep at most `seconds`, or until the event is set; True when it is set."""
        return event.wait(seconds)


class CancelToken:
    """Says when to stop: cancelled by someone, by its parent, or by its deadline.

    One is handed to everything that can take long. A child made with `within` is cancelled with its parent
    and has the earlier of both deadlines.
    """

    def __init__(self, clock: Clock, *, what: str = "the run") -> None:
        self.clock = clock
        self._what = what
        self._event = threading.Event()
        self._reason = ""
        self._deadline: float | None = None
        self._allowed = 0.0
        # A child keeps its parent alive, not the other way round: polls make and drop children by the thousand.
        self._parent: CancelToken | None = None
        self._children: weakref.WeakSet[CancelToken] = weakref.WeakSet()
        self._lock = threading.Lock()

    def within(self, seconds: float, what: str) -> "CancelToken":
        """A child whose deadline is `seconds` from now; `what` names what is waited for."""
        child = CancelToken(self.clock, what=what)
        child._parent = self
        child._deadline = self.clock.monotonic() + seconds
        child._allowed = seconds
        if self._deadline is not None and self._deadline < child._deadline:
            child._deadline, child._what, child._allowed = self._deadline, self._what, self._allowed
        self._adopt(child)
        return child

    def child(self) -> "CancelToken":
        """A token with the same deadline, cancelled with this one; cancelling it leaves this one as it is."""
        child = CancelToken(self.clock, what=self._what)
        child._parent, child._deadline, child._allowed = self, self._deadline, self._allowed
        self._adopt(child)
        return child

    def _adopt(self, child: "CancelToken") -> None:
        with self._lock:
            if self._event.is_set():
                child.cancel(self._reason)
            else:
                self._children.add(child)

    def cancel(self, reason: str) -> None:
        """Stop everything that holds this token or a child of it; the first reason stays."""
        with self._lock:
            if self._event.is_set():
                return
            self._reason = reason
            self._event.set()
            children = tuple(self._children)
        for child in children:
            child.cancel(reason)

    @property
    def cancelled(self) -> bool:
        """Whether someone called `cancel`; a passed deadline does not count."""
        return self._event.is_set()

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below 0; None without one."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self.clock.monotonic())

    def check(self) -> None:
        """Return while work may go on.

        Raises:
            CancelledError: someone cancelled.
            DeadlineError: the deadline has passed; names what was waited for.
        """
        if self._event.is_set():
            raise CancelledError(self._reason)
        if self.remaining() == 0.0:
            raise DeadlineError(f"{self._what} was not done within {self._allowed:g}s")

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the deadline or a cancel; then as `check`."""
        remaining = self.remaining()
        self.clock.wait(self._event, seconds if remaining is None else min(seconds, remaining))
        self.check()
