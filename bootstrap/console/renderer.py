"""What every renderer is: it is told events one by one, and closed once."""

from collections.abc import Sequence
from typing import Protocol

from bootstrap.model.event import Event


class Renderer(Protocol):
    """Shows a run. Called from one thread at a time."""

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        ...

    def close(self) -> None:
        """Give the terminal or file back; also when the run ended with an exception. May be called again."""
        ...


class FanOut:
    """Several renderers as one."""

    def __init__(self, renderers: Sequence[Renderer]) -> None:
        self._renderers = tuple(renderers)

    def __call__(self, event: Event) -> None:
        """Tell each."""
        for renderer in self._renderers:
            renderer(event)

    def close(self) -> None:
        """Close each, the last first."""
        for renderer in reversed(self._renderers):
            renderer.close()
