"""An embedded cluster in a test's folder; run as a program, one that a test can kill."""

import sys
from collections.abc import Callable
from pathlib import Path

from bootstrap.clusters.kwok.provider import KwokProvider
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.stack import ClusterSpec, StatePaths
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.programs import real_programs


class Embedded:
    """A provider and what it is called with."""

    def __init__(self, folder: Path, *, workers: int = 0, programs: Programs | None = None) -> None:
        self.state = StatePaths(folder=folder)
        self.said: list[str] = []
        self.spec = ClusterSpec(workers=workers)
        self._clock = SystemClock()
        self._programs = programs or real_programs()

    @property
    def provider(self) -> KwokProvider:
        """A new one each time: nothing may depend on what one remembers."""
        processes = SystemProcesses(self._clock)
        return KwokProvider("test", self.spec, self.state, self._programs, processes, self._clock)

    def token(self, seconds: float = 180.0) -> CancelToken:
        return CancelToken(self._clock).within(seconds, "the test")

    def up(self) -> str:
        """Bring it up; its UID."""
        return self.provider.up(Work(self.token(), self.said.append)).uid

    def delete(self) -> None:
        self.provider.delete(Work(self.token(), self.said.append))

    def observed(self) -> ClusterObserved:
        return self.provider.observe(self.token())

    def observe(self) -> tuple[TargetState, str]:
        observed = self.provider.observe(self.token())
        return observed.state, observed.detail


def main(verb: str, folder: str) -> None:
    embedded = Embedded(Path(folder))
    verbs: dict[str, Callable[[], object]] = {"up": embedded.up, "delete": embedded.delete, "observe": embedded.observe}
    sys.stdout.write(f"{verbs[verb]()}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
