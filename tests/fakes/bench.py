"""Fixtures written by a test, applied to a real emulator, and read back through plain boto3."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.endpoint import empty
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.emulators.registry import all_drivers
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.seeds.observe import Options
from bootstrap.seeds.results import SeedPlan, SeedResult
from bootstrap.seeds.seeding import Seeding, raise_failures
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.emulator_containers import CONTAINERS, container
from fakes.means import means_of

AS_PROCESS = tuple(name for name, driver in all_drivers().items() if driver.process is not None)
"""The drivers that run as processes."""
EVERYWHERE = (*AS_PROCESS, *CONTAINERS)
"""The drivers that every suite of seeds takes; those that run as containers are marked `docker`."""
HEAD = "apiVersion: bootstrap.dev/v1\nkind: Seeds\n"


def quiet(_text: str) -> None:
    """Say nothing."""


@contextmanager
def running(driver: Driver, folder: Path) -> Iterator[EmulatorEndpoint]:
    """An emulator on any port, for as long as it is wanted."""
    if driver not in AS_PROCESS:
        with container(driver) as endpoint:
            yield endpoint
        return
    clock = SystemClock()
    # Several suites start theirs at the same time.
    spec = EmulatorSpec(driver=driver, persist=False, first_port=0)
    emulator = ProcessEmulator("test", spec, driver_of(spec), means_of(StatePaths(folder=folder)))
    cancel = CancelToken(clock)
    try:
        yield emulator.up(Work(cancel, quiet))
    finally:
        emulator.delete(Work(cancel, quiet))


@dataclass
class Bench:
    """One stack's fixtures in one emulator."""

    endpoint: EmulatorEndpoint
    folder: Path
    owner: str = "test-0123"
    environment: dict[str, str] = field(default_factory=dict)
    cancel: CancelToken = field(default_factory=lambda: CancelToken(SystemClock()))

    @property
    def driver(self) -> Driver:
        """Which one it is."""
        return Driver(self.endpoint.driver)

    @property
    def fixtures(self) -> Path:
        """The folder that holds the fixture file."""
        return self.folder / "fixtures"

    def seeding(self) -> Seeding:
        """As a verb makes it."""
        return Seeding(
            owner=self.owner, paths=[self.fixtures], state=self.folder / "seeds", environment=self.environment
        )

    def write(self, text: str) -> None:
        """Declare this and nothing else."""
        self.fixtures.mkdir(exist_ok=True)
        (self.fixtures / "fixtures.yaml").write_text(HEAD + textwrap.dedent(text))

    def apply(self, text: str | None = None) -> SeedResult:
        """Declare and apply; every failure is raised."""
        if text is not None:
            self.write(text)
        return raise_failures(self.seeding().apply_fixtures(self.endpoint, Work(self.cancel, quiet)))

    def refresh(self) -> SeedResult:
        """Return the data to what is declared."""
        return raise_failures(self.seeding().refresh(self.endpoint, Work(self.cancel, quiet)))

    def prune(self, options: Options = Options()) -> SeedResult:  # noqa: B008  # frozen
        """Delete what is no longer declared."""
        return raise_failures(self.seeding().prune(self.endpoint, Work(self.cancel, quiet), options))

    def plan(self, options: Options = Options()) -> SeedPlan:  # noqa: B008  # frozen
        """What differs, thoroughly."""
        return self.seeding().plan(self.endpoint, self.cancel, options)

    def differing(self) -> dict[str, str]:
        """Every field that is not as declared, with the kind of difference."""
        return {
            f"{change.id}: {difference.path}": str(difference.kind)
            for change in self.plan().resources
            for difference in change.differences
        }

    def settled(self) -> None:
        """Assert that a second apply and a plan find nothing to do, and write nothing."""
        again = self.seeding().apply_fixtures(self.endpoint, Work(self.cancel, quiet))
        lines = [(str(resource.id), resource.differences) for resource in again.resources if resource.differences]
        assert (lines, again.calls.write, again.failures) == ([], 0, ()), lines
        still_differing = self.differing()
        assert still_differing == {}, still_differing

    def empty(self) -> None:
        """Lose everything in the emulator."""
        seeding = self.seeding()
        self.endpoint = empty(self.endpoint, self.cancel, lambda: seeding.empty(self.endpoint, Work(self.cancel)))

    def client(self, name: str, region: str = "") -> Any:  # boto3's clients have no type of their own
        """Plain boto3."""
        return boto3.client(
            name,  # type: ignore[call-overload]  # any of them
            endpoint_url=self.endpoint.url,
            region_name=region or self.endpoint.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
