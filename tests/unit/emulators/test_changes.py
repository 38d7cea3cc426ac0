"""Every field of the emulator, changed over containers and processes in memory: in place, or refused."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.container import ContainerEmulator
from bootstrap.emulators.means import Means
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.emulators.process_record import EmulatorFolder, Record
from bootstrap.model.labels import SPEC_LABEL
from bootstrap.model.observed import EmulatorObserved
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import Driver, EmulatorSpec, Placement, StatePaths
from bootstrap.plan.changes import EMULATOR, Effect
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, ProcessIdentity
from bootstrap.system.sockets import free_port
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.docker_nodes import FakeEngine, FakeStackOnDocker
from fakes.means import InstalledPrograms
from fakes.processes import FakeProcesses

PORT = free_port() or 0
"""Nobody listens there: what lives answers nobody, and is none the less not to be lost."""
BASE = EmulatorSpec(driver=Driver.MINISTACK, image="bootstrap-rig/a:1", port=PORT)
CHANGES: dict[str, dict[str, Any]] = {
    "emulator.driver": {"driver": Driver.MOTO},
    "emulator.release": {"release": "apps/localstack"},
    "emulator.region": {"region": "eu-west-1"},
    "emulator.port": {"port": PORT + 1},
    "emulator.image": {"image": "bootstrap-rig/a:2"},
    "emulator.endpoint": {"endpoint": "http://127.0.0.1:1"},
    "emulator.persist": {"persist": False},
    "emulator.dockerSocket": {"docker_socket": True},
}
ELSEWHERE = frozenset({"emulator.placement"})
"""Told by the one that looks at all placements: test_relocation.py."""


class Container:
    """A container that was created for BASE."""

    def __init__(self, folder: Path) -> None:
        self.state, self.engine = StatePaths(folder=folder), FakeEngine()
        self.docker = FakeStackOnDocker(self.state, {"DOCKER_HOST": "unix:///nowhere"})
        self.docker.engine = self.engine
        self.docker.ensure_network(self.engine)  # type: ignore[arg-type] # stands for the library's client
        written = json.dumps(dict(self.make(BASE)._desired()))
        labels = {**self.docker.labels(), SPEC_LABEL: written}
        name = self.docker.name
        self.engine.run(f"{name}-emulator", network=name, labels=labels, ports={"4566/tcp": PORT})
        self.engine.asked.clear()

    def make(self, spec: EmulatorSpec) -> ContainerEmulator:
        spec = dataclasses.replace(spec, driver=Driver.LOCALSTACK) if spec.driver is Driver.MOTO else spec
        spec = (
            dataclasses.replace(spec, image="localstack/localstack:4.14.0")
            if spec.driver is Driver.LOCALSTACK
            else spec
        )
        return ContainerEmulator("dev", spec, self.state, driver_of(spec), self.docker, FakeProcesses())

    @property
    def untouched(self) -> bool:
        return self.engine.asked == []


class Process:
    """A process that was started for BASE."""

    def __init__(self, folder: Path) -> None:
        self.state, self.processes = StatePaths(folder=folder), FakeProcesses()
        self.means = Means(
            state=self.state, processes=self.processes, clock=FakeClock(), environment={}, programs=InstalledPrograms()
        )
        version = self.make(BASE)._version() or "?"
        record = Record(driver="ministack", version=version, region=BASE.region, persist=True, port=PORT, started=0.0)
        files = EmulatorFolder(self.state.emulator)
        files.remember(record)
        identity: ProcessIdentity = self.processes.spawn(Command(argv=("emulator",)), Path())
        files.identity_file.write_text(json.dumps(dataclasses.asdict(identity)))

    def make(self, spec: EmulatorSpec) -> ProcessEmulator:
        return ProcessEmulator("dev", spec, driver_of(spec), self.means)

    @property
    def untouched(self) -> bool:
        return self.processes.stopped == []


PLACES: dict[Placement, Callable[[Path], Container | Process]] = {
    Placement.CONTAINER: Container,
    Placement.PROCESS: Process,
}


def test_every_field_is_tried() -> None:
    assert {*CHANGES, *ELSEWHERE} == set(EMULATOR)


@pytest.mark.parametrize("placement", PLACES, ids=str)
@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_does_what_the_table_says(placement: Placement, field: str, tmp_path: Path) -> None:
    place, cancel = PLACES[placement](tmp_path / "stack"), CancelToken(FakeClock())
    changed = place.make(dataclasses.replace(BASE, **CHANGES[field]))
    seen = changed.observe(cancel)
    match EMULATOR[field][placement]:
        case Effect.NOTHING:
            assert (seen.changes, seen.replacement) == ((), None)
        case Effect.IN_PLACE:
            assert seen.replacement is None
            assert [change.field for change in seen.changes] == [field]
        case Effect.REPLACE:
            assert field in _reasons(seen)
            with pytest.raises(ReplacementNeededError, match=field):
                changed.up(Work(cancel))
        case Effect.REFUSED | Effect.GROWS:
            raise AssertionError(field)
    assert place.untouched


@pytest.mark.parametrize("placement", PLACES, ids=str)
@pytest.mark.parametrize("field", ["emulator.region", "emulator.port"])
def test_without_persistence_every_change_is_a_replacement(placement: Placement, field: str, tmp_path: Path) -> None:
    place, cancel = PLACES[placement](tmp_path / "stack"), CancelToken(FakeClock())
    changed = place.make(dataclasses.replace(BASE, persist=False, **CHANGES[field]))
    assert field in _reasons(changed.observe(cancel))
    with pytest.raises(ReplacementNeededError):
        changed.up(Work(cancel))
    assert place.untouched


def _reasons(seen: EmulatorObserved) -> str:
    assert seen.replacement is not None
    assert seen.replacement.losses == ("all AWS data in it",)
    return seen.replacement.reason
