"""What long work is given: when to stop, and where to report progress."""

from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.system.clock import CancelToken


@dataclass(frozen=True, slots=True)
class Work:
    """The token and the progress line of one piece of work, handed down together."""

    cancel: CancelToken
    """Says when to stop."""
    notify: Callable[[str], None] = lambda _text: None
    """Takes a line about what is being done now; shown, and replaced by the next one."""

    def within(self, seconds: float, what: str) -> "Work":
        """The same work with a deadline `seconds` from now; `what` names what is waited for."""
        return Work(self.cancel.within(seconds, what), self.notify)
