"""Data that is lost while it is being written is written again."""

import dataclasses
from dataclasses import dataclass, field

import pytest

from bootstrap.engine.perform import Performer
from bootstrap.errors import StepFailedError
from bootstrap.model.event import Status
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorEndpoint,
    EmulatorObserved,
    Observed,
    SeedsObserved,
    TargetState,
)
from bootstrap.model.step import ApplySeeds
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.ports import ENDPOINT, KUBE, FakeEmulator, World


@dataclass
class Mortal(FakeEmulator):
    """An emulator whose contents are others after each life."""

    life: int = 1
    dies: bool = True

    @property
    def endpoint(self) -> EmulatorEndpoint:
        return dataclasses.replace(ENDPOINT, incarnation=f"life {self.life}")

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        return EmulatorObserved(state=TargetState.RUNNING, endpoint=self.endpoint)

    def up(self, work: Work) -> EmulatorEndpoint:
        return self.endpoint


@dataclass
class Deadly:
    """Seeds under which the emulator dies so many times."""

    emulator: Mortal
    deaths: int
    fails: bool = False
    """Whether an apply fails when it dies; else it is not noticed."""
    asked: list[str] = field(default_factory=list)
    changes: int = 3

    def observe(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> SeedsObserved:
        return SeedsObserved(changes=self.changes)

    def apply(self, endpoint: EmulatorEndpoint, work: Work) -> SeedsObserved:
        self.asked.append(endpoint.incarnation)
        if self.deaths:
            self.deaths -= 1
            self.emulator.life += self.emulator.dies
            if self.fails:
                raise StepFailedError("connection reset")
        return SeedsObserved(changes=self.changes, detail="3 created")

    def check(self) -> None:
        """The fixtures are right."""

    def declared_secrets(self) -> frozenset[str]:
        return frozenset()

    def named_variables(self) -> frozenset[str]:
        """See `Seeds.named_variables`."""
        return frozenset()

    def kept_only(self) -> tuple[str, ...]:
        return ()


def perform(seeds: Deadly) -> tuple[Status, str, list[str]]:
    said: list[str] = []
    ports = dataclasses.replace(World().ports(), emulator=seeds.emulator, seeds=seeds)
    observed = Observed(
        cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE),
        emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=seeds.emulator.endpoint),
    )
    outcome = Performer(ports, observed, lambda _keep_data: "")(
        ApplySeeds(), Work(CancelToken(FakeClock()), said.append)
    )
    return outcome.status, outcome.detail, said


@pytest.mark.parametrize("fails", [False, True])
def test_lost_data_is_seeded_again(fails: bool) -> None:
    seeds = Deadly(Mortal(World()), deaths=2, fails=fails)
    again = "the emulator lost its data meanwhile: seeding it again"
    assert perform(seeds) == (Status.DONE, "3 created", [again, again])
    assert seeds.asked == ["life 1", "life 2", "life 3"]


def test_one_that_dies_again_and_again_is_a_failure() -> None:
    seeds = Deadly(Mortal(World()), deaths=9, fails=True)
    with pytest.raises(StepFailedError, match="connection reset"):
        perform(seeds)
    assert len(seeds.asked) == 3


def test_a_failure_in_a_living_emulator_is_told_at_once() -> None:
    seeds = Deadly(Mortal(World(), dies=False), deaths=1, fails=True)
    with pytest.raises(StepFailedError, match="connection reset"):
        perform(seeds)
    assert len(seeds.asked) == 1


def test_where_nothing_was_changed_nobody_looks() -> None:
    seeds = Deadly(Mortal(World()), deaths=1, changes=0)
    assert perform(seeds) == (Status.UNCHANGED, "unchanged", [])
