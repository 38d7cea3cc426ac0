"""Several kinds of leftovers as one."""

from collections.abc import Sequence

from bootstrap.model.lease import Lease
from bootstrap.ports import Leftovers
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


class AllLeftovers:
    """Implements `ports.Leftovers` by those it is made of, in their order."""

    def __init__(self, parts: Sequence[Leftovers]) -> None:
        self._parts = tuple(parts)

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        """See `Leftovers.lease`."""
        for part in self._parts:
            part.lease(lease, cancel)

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        """See `Leftovers.remove`."""
        return tuple(message for part in self._parts for message in part.remove(work, keep_data=keep_data))
