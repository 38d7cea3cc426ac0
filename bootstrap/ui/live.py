"""What a page is sent as it happens: server-sent events, which a browser resumes by itself after a pause.

A message `run` holds what happened in a run, and its id is the place after it (see `run_events`). A message `state`
says whether a run goes on now, and a message `look` holds the newest look at the stack. A client that reads slowly is
sent less often: nothing is kept for it, everything is in the files.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from bootstrap.ui.looks import Looks
from bootstrap.ui.run_events import Place, is_going_on, read_on

_PAUSE = 0.3
"""Seconds between looks into the files."""
_SILENCE = 30
"""Pauses after which a client is sent something, so that each side notices if the other one is gone."""


def message(event: str, data: Any, *, place: object = None) -> bytes:  # noqa: ANN401 - JSON
    """One message; `place` is its id."""
    head = "" if place is None else f"id: {place}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


async def live(
    looks: Looks, place: Place | None, ended: Callable[[], bool], *, pause: float = _PAUSE
) -> AsyncIterator[bytes]:
    """Everything from `place` on, until the server ends."""
    seen, silent, going_on = 0, 0, None
    yield b"retry: 1000\n\n"
    while not ended():
        silent += 1
        before, going_on = going_on, await run_in_threadpool(is_going_on, looks.source.state)
        if going_on is not before:
            yield message("state", {"going_on": going_on})
        while not ended() and (piece := await run_in_threadpool(read_on, looks.source.state, place)) is not None:
            place, silent = piece.place, 0
            records = [json.loads(record) for record in piece.records]
            yield message("run", {"run": place.run, "begins": piece.begins, "records": records}, place=place)
        if looks.latest.number != seen:
            look = looks.latest
            seen, silent = look.number, 0
            yield message("look", await run_in_threadpool(look.to_json))
        if await run_in_threadpool(looks.is_due):
            _ = asyncio.get_running_loop().run_in_executor(None, looks.take)
        if silent >= _SILENCE:
            silent = 0
            yield message("beat", {})
        await asyncio.sleep(pause)
