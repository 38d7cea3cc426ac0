"""The interface of all renderers: `write` is called for each event, `close` at the end."""

from collections.abc import Sequence
from typing import Protocol

from bootstrap.model.event import Event


class Renderer(Protocol):
    """Shows a run. Called from one thread at a time."""

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        ...

    def close(self) -> None:
        """Release the terminal or file, also after an exception. May be called more than once."""
        ...


class FanOut:
    """Several renderers as one."""

    def __init__(self, renderers: Sequence[Renderer]) -> None:
        self._renderers = tuple(renderers)

    def __call__(self, event: Event) -> None:
        """Pass the event to each renderer."""
        for renderer in self._renderers:
            renderer(event)

    def close(self) -> None:
        """Close each, the last first."""
        for renderer in reversed(self._renderers):
            renderer.close()
