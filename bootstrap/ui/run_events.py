"""Follows the events of a stack's runs in their files, from any point on.

A place is `RUN:OFFSET`: the name of a run's file, and how many bytes of it were read. A reader that keeps its last
place goes on from there, whatever happened meanwhile: a connection that broke, a run that ended, another that began,
a stack that was removed.

    piece = read_on(state, None)
    piece = read_on(state, piece.place)
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.model.stack import StatePaths

SUFFIX = ".events.jsonl"
"""Ends the name of a run's events; see `state.logs.events_file`."""
_PIECE = 1 << 20
_LONGEST = 16 << 20
"""Of one record: the plan of a large stack."""
_HEAD = 1 << 16
_TIME = len("20260102-030405")
NOWHERE = "-"
"""Stands for the run in the place of a reader that has seen that there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come."""

    run: str
    offset: int

    def __str__(self) -> str:
        """`up-20260102-030405:1234`."""
        return f"{self.run}:{self.offset}"

    @staticmethod
    def parse(text: str) -> "Place | None":
        """The place that a reader gives; None: it is not one."""
        run, colon, offset = text.rpartition(":")
        return Place(run, int(offset)) if colon and offset.isascii() and offset.isdigit() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What happened after a place."""

    place: Place
    """The place after it."""
    begins: bool
    """Whether a run begins with it: what was known of another one is over."""
    records: tuple[str, ...] = ()
    """Lines of JSON, as docs/events.md describes them."""


def read_on(state: StatePaths, place: Place | None) -> Piece | None:
    """What happened since; None: nothing. Reads a bounded amount at a time, from the point on where it stopped."""
    file = newest_run(state)
    if file is None:
        known = place is None or place.run != NOWHERE
        return Piece(place=Place(NOWHERE, 0), begins=True) if known else None
    run = name_of(file)
    begins = place is None or place.run != run or place.offset > file.stat().st_size
    offset = 0 if begins or place is None else place.offset
    lines, end = _lines_from(file, offset)
    if not lines and not begins:
        return None
    return Piece(place=Place(run, end), begins=begins, records=tuple(lines))


def runs(state: StatePaths) -> tuple[Path, ...]:
    """The events of every run that changed the stack or tried to, the newest first."""
    files = [file for file in state.logs.glob(f"*{SUFFIX}") if file.is_file()]
    return tuple(sorted(files, key=_began, reverse=True))


def newest_run(state: StatePaths) -> Path | None:
    """The events of the run that began last; one that was refused, such as for another run, began nothing."""
    return next((file for file in runs(state) if has_begun(file)), None)


def name_of(file: Path) -> str:
    """`up-20260102-030405`."""
    return file.name.removesuffix(SUFFIX)


def has_begun(file: Path) -> bool:
    """Whether the run got as far as its first event."""
    return first_record(file).get("type") == "run_started"


def first_record(file: Path) -> dict[str, Any]:
    """The first event of a run; empty: there is none yet."""
    try:
        with file.open("rb") as stream:
            return record_of(stream.read(_HEAD).partition(b"\n")[0])
    except OSError:
        return {}


def last_record(file: Path) -> dict[str, Any]:
    """The last whole event of a run, if it is not longer than usual; empty: there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _HEAD))
            lines = stream.read().split(b"\n")
    except OSError:
        return {}
    return next((record for line in reversed(lines) if (record := record_of(line))), {})


def record_of(line: bytes) -> dict[str, Any]:
    """An event; empty for half a line."""
    with contextlib.suppress(ValueError):
        record = json.loads(line)
        return record if isinstance(record, dict) else {}
    return {}


def is_going_on(state: StatePaths) -> bool:
    """Whether a run changes the stack now: its last event does not end it, and its process is there.

    The lock itself is not tried: whoever tries it holds it for a moment, and a run that begins would be refused.
    """
    file = newest_run(state)
    if file is None or last_record(file).get("type") in {"run_finished", "error"}:
        return False
    try:
        os.kill(int(json.loads(state.lock.read_bytes())["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _began(file: Path) -> tuple[str, int]:
    """By the time in its name; two of the same second by when they were written."""
    with contextlib.suppress(OSError):
        return name_of(file)[-_TIME:], file.stat().st_mtime_ns
    return "", 0


def _lines_from(file: Path, offset: int) -> tuple[list[str], int]:
    """Whole lines from here on, and where they end."""
    with file.open("rb") as stream:
        stream.seek(offset)
        content = stream.read(_PIECE)
        while b"\n" not in content and len(content) < _LONGEST and (more := stream.read(_PIECE)):
            content += more
    whole = content[: content.rfind(b"\n") + 1]
    lines = [line for line in whole.decode(errors="replace").split("\n") if record_of(line.encode())]
    return lines, offset + len(whole)
