"""One stack over fakes, with all that a run of a verb needs."""

import dataclasses
from pathlib import Path

from bootstrap.engine.flow import down, up
from bootstrap.engine.platform import PlanOptions, Platform, RunOptions
from bootstrap.engine.run import Report
from bootstrap.model.event import Event
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import StatePaths
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import World
from fakes.processes import FakeProcesses
from fakes.repo import config_map, kustomization, release, stack

HOW = RunOptions(command="bootstrap up test", jobs=1, log="/logs/up.log")
REPO = FluxRepo(
    kustomizations=(kustomization("apps", config_map("one"), releases=["apps/a", "apps/b"]),),
    releases=(release("a"), release("b", needs=["a"])),
)


@dataclasses.dataclass
class Setting:
    """One stack over fakes, with what its runs told."""

    folder: Path
    world: World = dataclasses.field(default_factory=lambda: World(charts={"apps/a", "apps/b"}))
    processes: FakeProcesses = dataclasses.field(default_factory=FakeProcesses)
    clock: FakeClock = dataclasses.field(default_factory=FakeClock)
    events: list[Event] = dataclasses.field(default_factory=list)
    repo: FluxRepo = REPO

    @property
    def platform(self) -> Platform:
        state = StatePaths(folder=self.folder / "bootstrap" / "test-1")
        return Platform(
            stack=stack(emulator=True, seeds=True),
            state=state,
            ports=self.world.ports(),
            processes=self.processes,
            journal=Journal(state.journal, self.clock),
            clock=self.clock,
            read=lambda _cancel: self.repo,
            check=lambda: None,
            preflight=lambda _wanted, _releases: (),
            infer=lambda _wanted: (),
            health=lambda objects, _namespace, _kube, _cancel: {one: self.world.health_of(one) for one in objects},
            configuration=lambda: None,
            watch=None,
            lacking=lambda: (),
            fetch=lambda _say: None,
            headline="on fakes",
        )

    def up(self, options: PlanOptions = PlanOptions(), how: RunOptions = HOW) -> Report:  # noqa: B008 - frozen
        return up(self.platform, options, how, emit=self.events.append, cancel=self.cancel)

    def down(self, *, keep_data: bool = False) -> Report:
        return down(self.platform, HOW, emit=self.events.append, cancel=self.cancel, keep_data=keep_data)

    @property
    def cancel(self) -> CancelToken:
        return CancelToken(self.clock)
