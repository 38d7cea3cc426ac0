"""What emulators of tests are made with: this machine's processes and clock, emulators of the tests' own Python."""

import importlib.metadata
import os
import sys
from pathlib import Path

from bootstrap.emulators.means import Means
from bootstrap.errors import RefusedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import SystemClock
from bootstrap.system.processes import SystemProcesses


class InstalledPrograms:
    """Python programs, as installed beside the tests."""

    def path(self, name: str) -> Path:
        importlib.metadata.version(name)
        return Path(sys.executable)

    def version(self, name: str) -> str:
        return importlib.metadata.version(name)

    def present(self, name: str) -> str | None:
        return importlib.metadata.version(name)


class NoPrograms:
    """Nothing is here, and nothing can be fetched."""

    def path(self, name: str) -> Path:
        raise RefusedError(f"no source has {name}")

    def version(self, name: str) -> str:
        return str(self.path(name))

    def present(self, name: str) -> str | None:
        del name
        return None


def means_of(state: StatePaths) -> Means:
    """Of one stack."""
    clock = SystemClock()
    return Means(
        state=state,
        processes=SystemProcesses(clock),
        clock=clock,
        environment=os.environ,
        programs=InstalledPrograms(),
    )
