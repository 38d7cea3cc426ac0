"""Lists the stacks of a user on this machine, and those of others on its Docker engine."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.model.lease import LabelledStack
from bootstrap.model.observed import TargetState
from bootstrap.model.stack import StatePaths
from bootstrap.model.status import StackLine
from bootstrap.ports import LabelledStacks
from bootstrap.state.remembered_stack import damage
from bootstrap.state.stacks import StoredStack, stored_stacks
from bootstrap.system.clock import CancelToken

_LOOK_SECONDS = 20.0
_AT_ONCE = 4
UNKNOWN = "unknown"
ELSEWHERE = "elsewhere"
_WITHOUT_END = datetime.max.replace(tzinfo=UTC)


class OpenStack(Protocol):
    """Opens the stack of a state folder."""

    def __call__(self, state: StatePaths, cancel: CancelToken) -> Session | None:
        """The stack as it was brought up last; None if it never was.

        Raises:
            RefusedError: the engine or cluster of the stack cannot be reached.
        """
        ...


def stack_lines(
    root: Path, labelled_stacks: LabelledStacks, opener: OpenStack, cancel: CancelToken
) -> tuple[StackLine, ...]:
    """Each stack with its folder and state; one that cannot be observed with the reason."""
    here, now = stored_stacks(root), cancel.clock.now()
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="look") as pool:
        lines = tuple(pool.map(lambda stack: _line(stack, now, opener, cancel), here))
    return (*lines, *_elsewhere(here, labelled_stacks, now))


def _line(stored_stack: StoredStack, now: datetime, opener: OpenStack, cancel: CancelToken) -> StackLine:
    stack, expires = stored_stack.stack, None if stored_stack.lease is None else stored_stack.lease.expires
    state, detail = _seen(stored_stack, opener, cancel)
    return StackLine(
        identity=stored_stack.identity,
        stack=stored_stack.identity if stack is None else stack.name,
        instance="" if stack is None else stack.instance,
        project="" if stack is None else str(stack.project),
        provider="" if stack is None else stack.cluster.provider,
        state=state,
        detail=detail,
        expires=expires,
        seconds_left=_left(expires, now),
        folder=str(stored_stack.state.folder),
    )


def _seen(stack: StoredStack, opener: OpenStack, cancel: CancelToken) -> tuple[str, str]:
    try:
        session = opener(stack.state, cancel)
        if session is None:
            return UNKNOWN, _unreadable(stack)
        cluster = session.ports.cluster.observe(cancel.within(_LOOK_SECONDS, f"reading {stack.identity}"))
    except BootstrapError as error:
        cancel.check()
        return UNKNOWN, error.what
    if cluster.state is TargetState.ABSENT and stack.state.emulator.exists():
        return cluster.state, "the data of its emulator is kept"
    return cluster.state, cluster.detail


def _unreadable(stack: StoredStack) -> str:
    """Why a folder does not name its stack, what is in it, and the way on."""
    if stack.is_empty:
        return "its run ended before anything was created; bootstrap gc deletes the folder"
    damaged, file = damage(stack.state), stack.state.remembered
    what = f"{file} is damaged: {damaged}" if damaged else f"{file} is missing"
    here = f"; it has {', '.join(stack.contents)}" if stack.contents else ""
    return f"{what}{here}; in its project, bootstrap up writes the file again, and bootstrap down deletes everything"


def _elsewhere(here: tuple[StoredStack, ...], labelled_stacks: LabelledStacks, now: datetime) -> Iterator[StackLine]:
    labelled: Mapping[str, LabelledStack] = {}
    try:
        labelled = labelled_stacks.observe()
    except RefusedError:
        return  # of the engine those tell that are on it
    owners = {stack.owner for stack in here}
    for owner, owned in labelled.items():
        if owner not in owners:
            yield StackLine(
                identity=owned.stack,
                stack=owned.stack,
                state=ELSEWHERE,
                detail="on this engine, but without a state folder here: somebody else's, or the folder was deleted",
                expires=owned.expires,
                seconds_left=_left(owned.expires, now),
            )


def _left(expires: datetime | None, now: datetime) -> float | None:
    # The label of a stack without an expiry holds a time too.
    return None if expires is None or expires == _WITHOUT_END else (expires - now).total_seconds()
