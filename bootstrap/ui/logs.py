"""Follows the logs of a stack in a page: the end of each file first, then what is added, never all of a large one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from bootstrap.errors import UsageError
from bootstrap.model.stack import StatePaths
from bootstrap.state.logs import log_files
from bootstrap.ui.live import message

_SHOWN = 1 << 16
"""Bytes of a message, and of what is there at first."""
_BEHIND = 1 << 20
"""Bytes that a reader may be behind; what is older is left out."""
_PAUSE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPiece:
    """What was added to a log."""

    text: str
    end: int
    """Bytes of the file that were read or left out."""
    left_out: int = 0
    """Bytes before the text that are not shown."""


def logs_of(state: StatePaths) -> list[dict[str, Any]]:
    """Every log with its name, as `logs --list` has them."""
    return [
        {"log": log_name(file, state), "bytes": file.stat().st_size, "written": file.stat().st_mtime}
        for file in log_files(state)
    ]


def log_name(file: Path, state: StatePaths) -> str:
    """Its path in the stack's folder."""
    return str(file.relative_to(state.folder))


def named_log(name: str, state: StatePaths) -> Path:
    """The log of this name. Only those that there are can be named: no path leads elsewhere.

    Raises:
        UsageError: there is none.
    """
    for file in log_files(state):
        if log_name(file, state) == name:
            return file
    raise UsageError(f"the stack has no log {name}")


def read_log_on(file: Path, offset: int | None) -> LogPiece | None:
    """What was added since; None: nothing. Without an offset, the end of the file."""
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        return None
    if offset is None or offset > size or size - offset > _BEHIND:
        start = max(0, size - _SHOWN)
        before = start if offset is None or offset > size else start - offset
    elif offset == size:
        return None
    else:
        start, before = offset, 0
    with file.open("rb") as stream:
        stream.seek(start)
        content = stream.read(_SHOWN)
    whole = content[: content.rfind(b"\n") + 1] or content
    return LogPiece(text=whole.decode(errors="replace"), end=start + len(whole), left_out=before)


async def followed(
    file: Path, offset: int | None, mask: Callable[[str], str], ended: Callable[[], bool], *, pause: float = _PAUSE
) -> AsyncIterator[bytes]:
    """The log in messages, until the server ends."""
    while not ended():
        while not ended() and (piece := await run_in_threadpool(read_log_on, file, offset)) is not None:
            offset = piece.end
            text = await run_in_threadpool(mask, piece.text)
            yield message("log", {"text": text, "left_out": piece.left_out}, place=offset)
        await asyncio.sleep(pause)
