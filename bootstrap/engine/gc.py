"""`gc`: removes what has expired: stacks of this user, and stacks on a Docker engine whose labels have expired."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from bootstrap.engine.down import down
from bootstrap.engine.session import RunOptions
from bootstrap.engine.stack_list import OpenStack
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.model.event import Event, StepFinished
from bootstrap.model.lease import Collected, LabelledStack
from bootstrap.model.stack import StatePaths
from bootstrap.ports import LabelledStacks
from bootstrap.state.lease import read_lease
from bootstrap.state.orphans import import_leftovers, orphans
from bootstrap.state.stacks import StoredStack, abandoned, discard, is_over, stored_stacks
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes, ProcessIdentity
from bootstrap.system.work import Work

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Collector:
    """Implements the port `OtherStacks`."""

    root: Path
    """The folder of all state folders."""
    open: OpenStack
    processes: Processes
    command: str
    """As typed, for the journals and locks of the stacks that are removed."""
    labelled_stacks: LabelledStacks | None
    """The stacks on the Docker engine; None: the engine is not asked."""
    differences: Callable[[StatePaths], tuple[str, ...]] = lambda _state: ()
    """What the file of a stack declares differently now than when it was brought up."""
    except_for: Path | None = None
    """The state folder of the stack that is being brought up: its lease was just renewed."""
    dry_run: bool = False
    orphans_too: bool = False
    """Whether leftovers are removed too: folders of runs that were killed before they created anything, and processes
    whose state folder was deleted."""

    def collect(self, work: Work) -> tuple[Collected, ...]:
        """Remove every stack that has expired, and report each; a failure of one does not stop the others."""
        results: list[Collected] = []
        labelled: Mapping[str, LabelledStack] = {}
        try:
            labelled = {} if self.labelled_stacks is None else self.labelled_stacks.observe()
        except RefusedError as error:
            results.append(Collected(identity="stacks on the Docker engine", unread=_briefly(error)))
        results += [
            Collected(
                identity=due.identity,
                why=due.why,
                differences=due.differences,
                failure=self._failure(due, work.cancel),
            )
            for due in self._due(labelled, work.cancel.clock.now())
        ]
        for result in results:
            if result.failure:
                work.notify(f"{result.identity} stays: {result.failure}")
            elif result.unread:
                work.notify(f"{result.identity} were not looked at: {result.unread}")
            elif not self.dry_run:
                work.notify(f"removed {result.identity}: {result.why}")
        return tuple(results)

    def _due(self, labelled: Mapping[str, LabelledStack], now: datetime) -> Iterator["_Due"]:
        here = stored_stacks(self.root)
        expiry = {owner: owned.expires for owner, owned in labelled.items()}
        for stack in here:
            if stack.state.folder == self.except_for:
                continue
            if stack.lease is not None and is_over(stack, expiry, now):
                why, differences = _since(stack.lease.expires, now), self.differences(stack.state)
                yield _Due(stack.identity, why, partial(self._remove, stack), differences)
            elif self.orphans_too and stack.is_empty:
                why = "its run was killed before it created anything"
                yield _Due(stack.identity, why, partial(self._discard, stack))
        for owner in abandoned(here, expiry, now):
            owned = labelled[owner]
            yield _Due(owned.stack, _since(expiry[owner], now), partial(self._remove_labelled, owned))
        if self.orphans_too:
            yield from self._due_without_lease()

    def _due_without_lease(self) -> Iterator["_Due"]:
        """What nobody will ask for again: old node images, and processes whose stack is gone."""
        for name in self._surplus_images():
            yield _Due(name, "its stack has two newer node images", partial(self._remove_image, name))
        # All before the first ends: the folder could be there again, once one has written what it keeps.
        for process in tuple(orphans(self.root)):
            name = f"{process.program} (pid {process.pid})"
            yield _Due(name, "its state folder is gone", partial(self._end, process))
        for process in tuple(import_leftovers(self.root, self.command)):
            name = f"{process.program} (pid {process.pid})"
            yield _Due(name, "its seed import was killed", partial(self._end, process))

    def _failure(self, due: "_Due", cancel: CancelToken) -> str:
        """Why it could not be removed; empty: it was removed, or only reported."""
        if self.dry_run:
            return ""
        try:
            due.remove(cancel)
        except BootstrapError as error:
            cancel.check()
            return _briefly(error)
        return ""

    def _remove(self, stack: StoredStack, cancel: CancelToken) -> None:
        session = self.open(stack.state, cancel)
        if session is None:
            discard(stack, self.command)
            return
        if read_lease(stack.state) != stack.lease:
            return  # its lease was extended while others were removed
        failed: list[BootstrapError] = []

        def listen(event: Event) -> None:
            if isinstance(event, StepFinished) and event.outcome.error is not None:
                failed.append(event.outcome.error)

        report = down(session, RunOptions(command=self.command), emit=listen, cancel=cancel)
        if failed:
            raise failed[0]
        if report.exit_code:
            raise RefusedError("its removal timed out")

    def _discard(self, stack: StoredStack, cancel: CancelToken) -> None:
        cancel.check()
        discard(stack, self.command)

    def _remove_labelled(self, owned: LabelledStack, cancel: CancelToken) -> None:
        if self.labelled_stacks is not None:
            self.labelled_stacks.remove(owned, Work(cancel, lambda _text: None))

    def _surplus_images(self) -> Sequence[str]:
        """Node images to remove; an engine that does not answer was reported before."""
        if self.labelled_stacks is None:
            return ()
        try:
            return self.labelled_stacks.surplus_images()
        except RefusedError:
            return ()

    def _remove_image(self, name: str, cancel: CancelToken) -> None:
        cancel.check()
        if self.labelled_stacks is not None:
            self.labelled_stacks.remove_image(name)

    def _end(self, process: ProcessIdentity, cancel: CancelToken) -> None:
        # There is nothing to finish politely: what it would write down, it would write where nobody looks.
        self.processes.stop(process, cancel, polite=signal.SIGKILL, grace=_GRACE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Due:
    identity: str
    why: str
    remove: Callable[[CancelToken], None]
    differences: tuple[str, ...] = ()


def _since(expires: datetime | None, now: datetime) -> str:
    if expires is None:
        return ""
    minutes, seconds = divmod(int((now - expires).total_seconds()), 60)
    return f"expired {f'{minutes} min' if minutes else f'{seconds} s'} ago"


def _briefly(error: BootstrapError) -> str:
    return "; ".join((error.what, *error.evidence[:1]))
