"""An emulator that was placed elsewhere before: what it left goes first, so that a stack never has two."""

from collections.abc import Mapping

from bootstrap.emulators.process_record import ContainerFolder, EmulatorFolder, ForwardFolder
from bootstrap.errors import RefusedError
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.stack import Placement, StatePaths
from bootstrap.ports import Emulator
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


def left_placements(state: StatePaths) -> tuple[Placement, ...]:
    """The placements of which a stack's state folder tells something."""
    folder = state.emulator
    known = {
        Placement.PROCESS: EmulatorFolder(folder).is_used,
        Placement.CONTAINER: ContainerFolder(folder).is_used,
        Placement.CHART: ForwardFolder(folder).is_used,
    }
    return tuple(placement for placement, is_used in known.items() if is_used)


class GoneEmulator:
    """Implements `engine.ports.Emulator` for a stack that declares none any more: what it had is only to be removed."""

    def __init__(self, former: Mapping[Placement, Emulator], state: StatePaths) -> None:
        self._former = former
        self._state = state

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        cancel.check()
        if not (left := _left(self._former, self._state)):
            return EmulatorObserved(state=TargetState.ABSENT)
        return EmulatorObserved(state=TargetState.OUTDATED, detail=f"placement is {' and '.join(left)}, declared none")

    def up(self, work: Work) -> EmulatorEndpoint:
        """Refuse.

        Raises:
            RefusedError: always.
        """
        del work
        raise RefusedError("the stack declares no emulator")

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
    """Implements `engine.ports.Emulator` for one that is declared elsewhere than where it was."""

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
        detail = f"placement is {' and '.join(left)}, declared {self._placement}"
        return EmulatorObserved(state=TargetState.OUTDATED, detail=detail)

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`."""
        self._remove_former(work)
        return self._declared.up(work)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.replace`."""
        return self.up(work)

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


def _left(former: Mapping[Placement, Emulator], state: StatePaths) -> Mapping[Placement, Emulator]:
    left = left_placements(state)
    return {placement: one for placement, one in former.items() if placement in left}
