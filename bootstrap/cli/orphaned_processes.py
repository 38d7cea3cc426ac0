"""The processes of a stack whose state folder was deleted by hand, as leftovers that `down` removes."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.model.lease import Lease
from bootstrap.model.stack import StatePaths
from bootstrap.state.orphans import orphans
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes, ProcessIdentity
from bootstrap.system.work import Work

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class OrphanedProcesses:
    """Implements `ports.Leftovers`."""

    found: tuple[ProcessIdentity, ...]
    """Found before anything made the state folder again, such as the lock of `down`."""
    processes: Processes

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        """See `Leftovers.lease`: processes carry none."""

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        """See `Leftovers.remove`: what they would write down is lost already."""
        del keep_data
        ended = []
        for process in self.found:
            self.processes.stop(process, work.cancel, polite=signal.SIGKILL, grace=_GRACE_SECONDS)
            ended.append(f"{process.program} (pid {process.pid})")
        return ended


def orphaned_processes(state: StatePaths) -> tuple[ProcessIdentity, ...]:
    """The processes of this stack that run although its state folder is gone."""
    return () if state.folder.exists() else tuple(orphans(state.folder.parent, only=state.folder))
