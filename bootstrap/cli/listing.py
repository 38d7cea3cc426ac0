"""Every stack of a user on this machine, and what others have on its engine."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from bootstrap.cli.collecting import marked_on_engine
from bootstrap.cli.machine import new_token
from bootstrap.cli.running import interruptible
from bootstrap.cli.session import open_remembered
from bootstrap.docker.labels import WITHOUT_END
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.model.observed import TargetState
from bootstrap.model.status import StackLine
from bootstrap.state.paths import state_folder
from bootstrap.state.stacks import HeldStack, held_stacks
from bootstrap.system.clock import CancelToken

if TYPE_CHECKING:  # the docker library loads slowly
    from bootstrap.docker.labels import Mark

_LOOK_SECONDS = 20.0
_AT_ONCE = 4
UNKNOWN = "unknown"
ELSEWHERE = "elsewhere"


def stack_lines() -> tuple[StackLine, ...]:
    """Each with where and how it is; one that cannot be looked at says why."""
    cancel = new_token()
    with interruptible(cancel):
        return _lines(cancel)


def _lines(cancel: CancelToken) -> tuple[StackLine, ...]:
    here, now = held_stacks(state_folder(os.environ)), cancel.clock.now()
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="look") as pool:
        lines = tuple(pool.map(lambda held: _line(held, now, cancel), here))
    return (*lines, *_elsewhere(here, now))


def _line(held: HeldStack, now: datetime, cancel: CancelToken) -> StackLine:
    stack, expires = held.stack, None if held.lease is None else held.lease.expires
    state, detail = _seen(held, cancel)
    return StackLine(
        identity=held.identity,
        stack=held.identity if stack is None else stack.name,
        instance="" if stack is None else stack.instance,
        project="" if stack is None else str(stack.project),
        provider="" if stack is None else stack.cluster.provider,
        state=state,
        detail=detail,
        expires=expires,
        seconds_left=_left(expires, now),
        folder=str(held.state.folder),
    )


def _seen(held: HeldStack, cancel: CancelToken) -> tuple[str, str]:
    try:
        opened = open_remembered(held.state, cancel=cancel)
        if opened is None:
            return UNKNOWN, "no run got so far that anything was made, or another version of bootstrap made it"
        seen = opened.platform.ports.cluster.observe(cancel.within(_LOOK_SECONDS, f"a look at {held.identity}"))
    except BootstrapError as error:
        cancel.check()
        return UNKNOWN, error.what
    if seen.state is TargetState.ABSENT and held.state.emulator.exists():
        return seen.state, "the data of its emulator is kept"
    return seen.state, seen.detail


def _elsewhere(here: tuple[HeldStack, ...], now: datetime) -> Iterator[StackLine]:
    marked: Mapping[str, Mark] = {}
    try:
        marked = marked_on_engine()
    except RefusedError:
        return  # of the engine tell those that are on it
    known = {held.owner for held in here}
    for owner, mark in marked.items():
        if owner not in known:
            yield StackLine(
                identity=mark.stack,
                stack=mark.stack,
                state=ELSEWHERE,
                detail="on this engine, but its state folder is not here: somebody else's, or lost",
                expires=mark.expires,
                seconds_left=_left(mark.expires, now),
            )


def _left(expires: datetime | None, now: datetime) -> float | None:
    # The mark of one that was given time without end tells a moment too.
    return None if expires is None or expires == WITHOUT_END else (expires - now).total_seconds()
