"""The live board on a terminal, drawn by rich."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from bootstrap.console.board import Line, board_lines, last_board, symbols_for
from bootstrap.console.progress import Progress, closing
from bootstrap.console.stream import ProgressSink, printable
from bootstrap.model.event import Event, Noted, RunFinished, RunStarted
from bootstrap.system.clock import Clock

if TYPE_CHECKING:  # rich loads slowly: only a run on a terminal needs it
    from rich.console import Console, Group
    from rich.live import Live

_REFRESHES = 8
_STYLES = {
    "done": "green",
    "unchanged": "dim",
    "failed": "bold red",
    "skipped": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
    "waiting": "dim",
    "": "bold",
}


class LiveRenderer:
    """Redraws the board while the run goes on; leaves the whole board, failures and the summary behind."""

    def __init__(self, sink: ProgressSink, clock: Clock, *, color: bool) -> None:
        self._sink = sink
        self._clock = clock
        self._progress = Progress()
        # Re-entrant: a signal may come while the lock is held, and its handler reports that the run is stopping.
        self._lock = threading.RLock()
        self._symbols = symbols_for(sink.stream.encoding)
        self._console = _console(sink.stream, color=color)
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        with self._lock:
            self._progress.add(event)
        match event:
            case RunStarted():
                self._start()
            case Noted(note=note) if not note.expected:
                self._above(f"note: {note.place}: {note.text}" if note.place else f"note: {note.text}")
            case RunFinished():
                self._finish(event)
            case _:
                pass

    def close(self) -> None:
        """Remove the live board; its last state stays on the terminal."""
        if self._live is not None:
            self._stop()
            self._leave_board()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the board for the length of the block, so that a question can be asked in its place."""
        drawn = self._live is not None
        self._stop()
        try:
            yield
        finally:
            if drawn:
                self._start()

    def _start(self) -> None:
        from rich.live import Live  # noqa: PLC0415 -- see above

        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            # Other messages on the same terminal ("Stopping…") go above the board, not into it.
            redirect_stderr=self._sink.stream is sys.stderr,
        )
        self._live.start(refresh=True)

    def _finish(self, event: RunFinished) -> None:
        self.close()
        self._sink.write(closing(self._progress, event))

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _leave_board(self) -> None:
        width = self._console.size.width
        lines = last_board(self._progress, self._clock.now(), width=width, symbols=self._symbols)
        self._console.print(self._group(lines))

    def _above(self, text: str) -> None:
        """A line above the board, which stays."""
        from rich.text import Text  # noqa: PLC0415 -- see above

        self._console.print(Text(self._fit(text)), soft_wrap=True)

    def _drawn(self) -> "Group":
        size = self._console.size
        with self._lock:
            lines = board_lines(
                self._progress, self._clock.now(), width=size.width, height=size.height - 1, symbols=self._symbols
            )
        return self._group(lines)

    def _group(self, lines: list[Line]) -> "Group":
        from rich.console import Group  # noqa: PLC0415 -- see above
        from rich.text import Text  # noqa: PLC0415

        return Group(
            *(Text(self._fit(line.text), style=_STYLES[line.status], no_wrap=True, overflow="crop") for line in lines)
        )

    def _fit(self, text: str) -> str:
        return printable(text, self._sink.stream.encoding, secrets=self._sink.secrets)


def _console(stream: TextIO, *, color: bool) -> "Console":
    from rich.console import Console  # noqa: PLC0415 -- see above

    return Console(file=stream, force_terminal=True, no_color=not color, highlight=False, emoji=False, markup=False)
