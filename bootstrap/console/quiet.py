"""Nothing but failures."""

from bootstrap.console.progress import Progress, failures
from bootstrap.console.stream import Writer
from bootstrap.model.event import Event, RunFinished


class QuietRenderer:
    """Prints nothing until the end, and then only failures."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._progress = Progress()

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._progress.add(event)
        if isinstance(event, RunFinished):
            self._writer.write(failures(self._progress))

    def close(self) -> None:
        """Nothing to give back."""
