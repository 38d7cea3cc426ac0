"""A stack never has two emulators: what one of another placement left goes first."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.emulators.choose import emulator_for, emulator_of, no_emulator
from bootstrap.emulators.in_cluster import ChartEmulator
from bootstrap.emulators.means import Means
from bootstrap.emulators.process_record import ContainerFolder, EmulatorFolder, Forward, ForwardFolder, Record
from bootstrap.emulators.relocation import DeletedEmulator, MovedEmulator, left_placements
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, EmulatorRelease, TargetState
from bootstrap.model.replacement import Replacement, ReplacementNeededError
from bootstrap.model.stack import EmulatorSpec, Placement, StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.ports import ENDPOINT, KUBE
from fakes.processes import FakeProcesses
from fakes.programs import GivenPrograms
from fakes.repo import release

MOVED = Replacement(reasons=("emulator.placement: container → chart",), losses=("all AWS data in it",))


@dataclass
class Noted:
    """An emulator that notes what it is asked."""

    name: str
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    left: ContainerFolder | None = None
    lives: bool = True
    lacks: str = ""
    """What it needs and cannot have."""

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        if not self.lives:
            return EmulatorObserved(state=TargetState.ABSENT, detail="ended, its data is lost")
        return EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT)

    def up(self, work: Work) -> EmulatorEndpoint:
        self.asked.append(f"{self.name} up")
        return ENDPOINT

    def gather(self, work: Work) -> None:
        if self.lacks:
            raise RefusedError(self.lacks)
        self.asked.append(f"{self.name} gather")

    def start(self, work: Work) -> EmulatorEndpoint:
        self.asked.append(f"{self.name} start")
        return ENDPOINT

    def replace(self, work: Work) -> EmulatorEndpoint:
        self.asked.append(f"{self.name} replace")
        return ENDPOINT

    def delete(self, work: Work) -> None:
        if self.broken:
            raise StepFailedError("it stays")
        self.asked.append(f"{self.name} delete")
        if self.left is not None:
            self.left.remove()

    def delete_keeping(self, work: Work) -> str:
        self.asked.append(f"{self.name} delete keeping")
        return "its data"


@pytest.fixture
def cancel() -> CancelToken:
    return CancelToken(FakeClock())


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path)


def start_process(state: StatePaths) -> None:
    record = Record(driver="ministack", version="1", region="us-east-1", persist=True, port=4566, started=0.0)
    EmulatorFolder(state.emulator).remember(record)


def start_forward(state: StatePaths) -> None:
    ForwardFolder(state.emulator).remember(
        Forward(
            release="a/b",
            namespace="a",
            service="b",
            service_port="",
            port=4566,
            kubeconfig="/k",
            uid="u",
            kubectl="/kubectl",
        )
    )


def quiet(_text: str) -> None:
    """Say nothing."""


def test_the_state_folder_tells_where_emulators_were(state: StatePaths) -> None:
    assert left_placements(state) == ()
    start_process(state)
    assert left_placements(state) == (Placement.PROCESS,)
    ContainerFolder(state.emulator).remember(4566)
    start_forward(state)
    assert left_placements(state) == (Placement.PROCESS, Placement.CONTAINER, Placement.CHART)


@pytest.fixture
def container(state: StatePaths) -> Noted:
    """One that was there before."""
    folder = ContainerFolder(state.emulator)
    folder.remember(4566)
    return Noted("container", left=folder)


def moved_to(declared: Noted, former: Noted, state: StatePaths) -> MovedEmulator:
    return MovedEmulator(declared, Placement.CHART, {Placement.CONTAINER: former}, state)


def test_one_that_moved_is_not_as_declared_until_the_former_one_is_gone(
    container: Noted, state: StatePaths, cancel: CancelToken
) -> None:
    moved = moved_to(Noted("chart"), container, state)
    observed = moved.observe(cancel)
    assert (observed.state, observed.endpoint, observed.replacement) == (TargetState.RUNNING, ENDPOINT, MOVED)
    with pytest.raises(ReplacementNeededError, match=r"emulator\.placement: container → chart"):
        moved.up(Work(cancel, quiet))
    assert container.asked == []
    moved.replace(Work(cancel, quiet))
    assert moved.observe(cancel).replacement is None


def test_what_lives_stays_until_the_new_one_has_all_that_it_needs(
    container: Noted, state: StatePaths, cancel: CancelToken
) -> None:
    moved = moved_to(Noted("chart", container.asked, lacks="no image"), container, state)
    with pytest.raises(RefusedError, match="no image"):
        moved.replace(Work(cancel, quiet))
    assert container.asked == []


def test_one_that_lives_elsewhere_is_started_there(container: Noted, state: StatePaths, cancel: CancelToken) -> None:
    moved_to(Noted("chart", container.asked), container, state).start(Work(cancel, quiet))
    assert container.asked == ["container start"]


def test_what_does_not_live_any_more_goes_unasked(container: Noted, state: StatePaths, cancel: CancelToken) -> None:
    container.lives = False
    moved = moved_to(Noted("chart", container.asked), container, state)
    assert (moved.observe(cancel).state, moved.observe(cancel).replacement) == (TargetState.BROKEN, None)
    moved.up(Work(cancel, quiet))
    assert container.asked == ["container delete", "chart up"]


@pytest.mark.parametrize(
    ("verb", "asked"),
    [
        ("replace", ["chart gather", "container delete", "chart up", "chart replace"]),
        ("delete", ["container delete", "chart delete", "chart delete"]),
        ("delete_keeping", ["container delete", "chart delete keeping", "chart delete keeping"]),
    ],
)
def test_what_was_elsewhere_goes_first_and_once(
    container: Noted, state: StatePaths, cancel: CancelToken, verb: str, asked: list[str]
) -> None:
    moved = moved_to(Noted("chart", container.asked), container, state)
    getattr(moved, verb)(Work(cancel, quiet))
    getattr(moved, verb)(Work(cancel, quiet))
    assert container.asked == asked


def test_one_that_cannot_go_keeps_the_new_one_from_starting(
    container: Noted, state: StatePaths, cancel: CancelToken
) -> None:
    container.broken = True
    with pytest.raises(StepFailedError, match="it stays"):
        moved_to(Noted("chart", container.asked), container, state).replace(Work(cancel, quiet))
    assert container.asked == ["chart gather"]


def test_one_that_is_declared_no_more_is_only_removed(container: Noted, state: StatePaths, cancel: CancelToken) -> None:
    gone = DeletedEmulator({Placement.CONTAINER: container}, state)
    observed = gone.observe(cancel)
    assert observed.replacement is not None
    assert observed.replacement.reasons == ("emulator.placement: container → none",)
    with pytest.raises(RefusedError, match="declares no emulator"):
        gone.up(Work(cancel, quiet))
    assert gone.delete_keeping(Work(cancel, quiet)) == ""
    gone.delete(Work(cancel, quiet))
    assert container.asked == ["container delete"]
    assert gone.observe(cancel).state is TargetState.ABSENT


def test_what_one_leaves_is_not_removed_with_what_another_left(state: StatePaths) -> None:
    folder = state.emulator
    folders: list[EmulatorFolder | ContainerFolder | ForwardFolder] = [
        EmulatorFolder(folder),
        ContainerFolder(folder),
        ForwardFolder(folder),
    ]
    start_process(state)
    ContainerFolder(state.emulator).remember(4566)
    start_forward(state)
    for count, item in enumerate(folders, start=1):
        item.remove()
        assert [each.is_used for each in folders] == [False] * count + [True] * (3 - count)
    assert not state.emulator.exists()


def test_an_emulator_is_told_of_former_ones_and_not_of_itself(state: StatePaths) -> None:
    programs = GivenPrograms(paths={})
    means = Means(state=state, processes=FakeProcesses(), clock=FakeClock(), environment={}, programs=programs)
    inside, chart = EmulatorRelease(release=release("localstack"), kube=KUBE), EmulatorSpec(placement=Placement.CHART)
    make = emulator_of("test", chart, means)
    assert make is not None
    start_forward(state)
    assert isinstance(emulator_for("test", chart, means), ChartEmulator)
    assert isinstance(make(inside), ChartEmulator)
    start_process(state)
    assert isinstance(emulator_for("test", chart, means), MovedEmulator)
    assert isinstance(make(inside), MovedEmulator)
    assert emulator_of("test", EmulatorSpec(placement=Placement.PROCESS), means) is None
    assert isinstance(no_emulator("test", means), DeletedEmulator)
    means.state.emulator.rename(means.state.folder / "elsewhere")
    assert no_emulator("test", means) is None
