"""An emulator that was placed elsewhere before: what it left goes first, so that a stack never has two."""

from collections.abc import Mapping
from dataclasses import replace

from bootstrap.emulators.process_record import ContainerFolder, EmulatorFolder, ForwardFolder
from bootstrap.errors import RefusedError, without_successor
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import Placement, StatePaths
from bootstrap.plan import ids
from bootstrap.ports import Emulator
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


def left_placements(state: StatePaths) -> tuple[Placement, ...]:
    """The placements of which a stack's state folder holds something."""
    folder = state.emulator
    present = {
        Placement.PROCESS: EmulatorFolder(folder).is_used,
        Placement.CONTAINER: ContainerFolder(folder).is_used,
        Placement.CHART: ForwardFolder(folder).is_used,
    }
    return tuple(placement for placement, is_used in present.items() if is_used)


class DeletedEmulator:
    """Implements `ports.Emulator` for a stack that declares none any more: what it had can only be removed."""

    def __init__(self, former: Mapping[Placement, Emulator], state: StatePaths) -> None:
        self._former = former
        self._state = state

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        cancel.check()
        if not (left := _left(self._former, self._state)):
            return EmulatorObserved(state=TargetState.ABSENT)
        return _moving(left, "none", cancel)

    def gather(self, work: Work) -> None:
        """Nothing is needed."""

    def up(self, work: Work) -> EmulatorEndpoint:
        """Refuse.

        Raises:
            RefusedError: always.
        """
        del work
        raise RefusedError("the stack declares no emulator")

    def start(self, work: Work) -> EmulatorEndpoint:
        """Refuse, as `up`."""
        return self.up(work)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """Refuse, as `up`."""
        return self.up(work)

    def delete(self, work: Work) -> None:
        """See `Emulator.delete`."""
        for former in _left(self._former, self._state).values():
            former.delete(work)

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`; nothing would ever go on with its data."""
        self.delete(work)
        return ""


class MovedEmulator:
    """Implements `ports.Emulator` for one that is declared elsewhere than where it was."""

    def __init__(
        self, declared: Emulator, placement: Placement, former: Mapping[Placement, Emulator], state: StatePaths
    ) -> None:
        self._declared = declared
        self._placement = placement
        self._former = former
        self._state = state

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`: whatever runs, it is not as declared until the former one is gone."""
        if not (left := _left(self._former, self._state)):
            return self._declared.observe(cancel)
        return _moving(left, self._placement, cancel)

    def gather(self, work: Work) -> None:
        """See `Emulator.gather`."""
        self._declared.gather(work)

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`: what is left of a former one that does not live any more goes."""
        replacement = self.observe(work.cancel).replacement
        if replacement is not None:
            raise ReplacementNeededError(ids.EMULATOR, replacement)
        self._remove_former(work)
        return self._declared.up(work)

    def start(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.start`: the one that was declared before, if that is what lives."""
        if not (left := _left(self._former, self._state)):
            return self._declared.start(work)
        return next(iter(left.values())).start(work)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.replace`: the former one goes once the declared one has all that it needs."""
        if not _left(self._former, self._state):
            return self._declared.replace(work)
        self._declared.gather(work)
        self._remove_former(work)
        with without_successor(
            f"the emulator is gone, and could not be created as {self._placement}",
            "lost: the emulator and its data; kept: everything else of the stack",
        ):
            return self._declared.up(work)

    def delete(self, work: Work) -> None:
        """See `Emulator.delete`."""
        self._remove_former(work)
        self._declared.delete(work)

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`; no later `up` would go on with what one of another placement keeps."""
        self._remove_former(work)
        return self._declared.delete_keeping(work)

    def _remove_former(self, work: Work) -> None:
        for former in _left(self._former, self._state).values():
            former.delete(work)


def _moving(left: Mapping[Placement, Emulator], declared: str, cancel: CancelToken) -> EmulatorObserved:
    """One that lives elsewhere than it is declared, with the endpoint where it still is; else only leftovers."""
    change = Change(field="emulator.placement", old=" and ".join(left), new=declared)
    for emulator in left.values():
        seen = emulator.observe(cancel)
        if seen.state in {TargetState.RUNNING, TargetState.STOPPED} or seen.replacement is not None:
            replacement = Replacement(reasons=(str(change),), losses=("all AWS data in it",))
            return replace(seen, changes=(), replacement=replacement)
    return EmulatorObserved(state=TargetState.BROKEN, detail=f"left by an earlier emulator: {change}")


def _left(former: Mapping[Placement, Emulator], state: StatePaths) -> Mapping[Placement, Emulator]:
    left = left_placements(state)
    return {placement: emulator for placement, emulator in former.items() if placement in left}
