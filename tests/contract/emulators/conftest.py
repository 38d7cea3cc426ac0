"""Real emulators on ports of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.sockets import free_port
from bootstrap.system.work import Work
from fakes.bench import AS_PROCESS
from fakes.machine import Make, quiet
from fakes.means import means_of


@pytest.fixture
def cancel() -> CancelToken:
    return CancelToken(SystemClock())


@pytest.fixture(params=AS_PROCESS, ids=str)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Every driver that runs as a process."""
    return Driver(request.param)


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path / "state ü")


@pytest.fixture
def make(driver: Driver, state: StatePaths, cancel: CancelToken) -> Iterator[Make]:
    """Emulators of one stack, as one run after another makes them; all gone at the end."""
    port = free_port()
    assert port is not None

    def build(**changed: object) -> ProcessEmulator:
        spec = EmulatorSpec(**{"driver": driver, "port": port, **changed})  # type: ignore[arg-type]  # fields of the spec
        return ProcessEmulator("test", spec, driver_of(spec), means_of(state))

    yield build
    build().delete(Work(cancel, quiet))
