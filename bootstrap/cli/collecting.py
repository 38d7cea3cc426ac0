"""Takes away what is past its time: stacks of this user, and what others' marks say of themselves."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.cli.machine import new_token
from bootstrap.cli.options import typed
from bootstrap.cli.running import interruptible
from bootstrap.cli.session import open_remembered
from bootstrap.config.settings import Settings
from bootstrap.engine.flow import down
from bootstrap.engine.platform import RunOptions
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.model.event import Event, StepFinished
from bootstrap.model.lease import Collected
from bootstrap.state.lease import read_lease
from bootstrap.state.orphans import orphans
from bootstrap.state.paths import state_folder
from bootstrap.state.stacks import HeldStack, abandoned, discard, held_stacks, is_over
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import ProcessIdentity, SystemProcesses
from bootstrap.system.work import Work

if TYPE_CHECKING:  # the docker library loads slowly
    from bootstrap.docker.labels import Mark

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Collecting:
    """What is looked at, and what is done with it."""

    on_engine: bool
    """Whether the engine is asked for marks of those whose state is not here."""
    settings: Settings | None = None
    but: Path | None = None
    """The state folder of the stack that is being brought up: its time was just begun again."""
    dry_run: bool = False
    orphans_too: bool = False
    """Whether that goes too which no stack is any more: folders of runs that were killed before they made anything,
    and processes whose state folder is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Due:
    identity: str
    why: str
    take: Callable[[CancelToken], None]


def collect_all(*, dry_run: bool) -> tuple[Collected, ...]:
    """Take away, or only name, all that is past its time, wherever it is."""
    cancel = new_token()
    with interruptible(cancel):
        what = Collecting(on_engine=True, dry_run=dry_run, orphans_too=True)
        return collect(what, Work(cancel, lambda _text: None))


def collect(what: Collecting, work: Work) -> tuple[Collected, ...]:
    """Take away every stack whose time is over, each told of; what hinders one is no reason to leave the others."""
    found: list[Collected] = []
    marked: Mapping[str, Mark] = {}
    try:
        marked = marked_on_engine() if what.on_engine else {}
    except RefusedError as error:
        found.append(Collected(identity="what is on the Docker engine", failure=_shortly(error)))
    found += [
        Collected(identity=due.identity, why=due.why, failure=_taken(due, what, work.cancel))
        for due in _due(what, marked, work.cancel.clock.now())
    ]
    for one in found:
        if one.failure:
            work.say(f"{one.identity} stays: {one.failure}")
        elif not what.dry_run:
            work.say(f"took away {one.identity}: {one.why}")
    return tuple(found)


def _due(what: Collecting, marked: Mapping[str, "Mark"], now: datetime) -> Iterator[_Due]:
    here = held_stacks(state_folder(os.environ))
    told = {owner: mark.expires for owner, mark in marked.items()}
    for held in here:
        if held.state.folder == what.but:
            continue
        if held.lease is not None and is_over(held, told, now):
            yield _Due(identity=held.identity, why=_since(held.lease.expires, now), take=partial(_take, held, what))
        elif what.orphans_too and held.is_empty:
            why = "its run was killed before it made anything"
            yield _Due(identity=held.identity, why=why, take=partial(_discard, held))
    for owner in abandoned(here, told, now):
        mark = marked[owner]
        yield _Due(identity=mark.stack, why=_since(told[owner], now), take=partial(_take_marked, mark))
    # All before the first ends: the folder could be there again, once one has written what it keeps.
    for process in tuple(orphans(state_folder(os.environ))) if what.orphans_too else ():
        name = f"{process.program} (pid {process.pid})"
        yield _Due(identity=name, why="its state folder is gone", take=partial(_end, process))


def _taken(due: _Due, what: Collecting, cancel: CancelToken) -> str:
    """Why it is still there; empty: it is gone, or was only to be told of."""
    if what.dry_run:
        return ""
    try:
        due.take(cancel)
    except BootstrapError as error:
        cancel.check()
        return _shortly(error)
    return ""


def _take(held: HeldStack, what: Collecting, cancel: CancelToken) -> None:
    opened = open_remembered(held.state, cancel=cancel, settings=what.settings)
    if opened is None:
        discard(held, typed())
        return
    if read_lease(held.state) != held.lease:
        return  # it was given a longer time while others were taken away
    failed: list[BootstrapError] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepFinished) and event.outcome.error is not None:
            failed.append(event.outcome.error)

    report = down(opened.platform, RunOptions(command=typed()), emit=listen, cancel=cancel)
    if failed:
        raise failed[0]
    if report.exit_code:
        raise RefusedError("its removal did not end in time")


def _end(process: ProcessIdentity, cancel: CancelToken) -> None:
    # There is nothing to finish politely: what it would write down, it would write where nobody looks.
    SystemProcesses(cancel.clock).stop(process, cancel, polite=signal.SIGKILL, grace=_GRACE_SECONDS)


def _discard(held: HeldStack, cancel: CancelToken) -> None:
    cancel.check()
    discard(held, typed())


def _take_marked(mark: "Mark", cancel: CancelToken) -> None:
    from bootstrap.docker.labels import marks, remove_marked  # noqa: PLC0415
    from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415 - the docker library loads slowly

    with opened_engine(os.environ) as client:
        now = next((one for one in marks(client) if one.owner == mark.owner), None)
        # It may have been given a longer time, or be gone, while others were taken away.
        if now is not None and now.expires == mark.expires:
            remove_marked(client, mark, Work(cancel, lambda _text: None))


def marked_on_engine() -> Mapping[str, "Mark"]:
    """What is on the engine, by owner; nothing where no engine is named.

    Raises:
        RefusedError: one is named, and does not answer.
    """
    from bootstrap.docker.engine import is_pointed_at  # noqa: PLC0415 - the docker library loads slowly
    from bootstrap.docker.labels import marks  # noqa: PLC0415
    from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

    if not is_pointed_at(os.environ):
        return {}
    with opened_engine(os.environ) as client:
        return {mark.owner: mark for mark in marks(client)}


def _since(expires: datetime | None, now: datetime) -> str:
    if expires is None:
        return ""
    minutes, seconds = divmod(int((now - expires).total_seconds()), 60)
    return f"its time was over {f'{minutes} min' if minutes else f'{seconds} s'} ago"


def _shortly(error: BootstrapError) -> str:
    return "; ".join((error.what, *error.evidence[:1]))
