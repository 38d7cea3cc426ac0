"""One stack over fakes, with all that a run of a verb needs."""

import dataclasses
from datetime import timedelta
from pathlib import Path

from bootstrap.config.settings import Settings
from bootstrap.engine.down import down
from bootstrap.engine.plan import plan_up
from bootstrap.engine.run import Report
from bootstrap.engine.session import PlanOptions, RunOptions, Session
from bootstrap.engine.up import up
from bootstrap.model.event import Event
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import StatePaths
from bootstrap.model.step import Plan
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import World
from fakes.processes import FakeProcesses
from fakes.repo import config_map, kustomization, release, stack

SETTINGS = Settings(jobs=1, timeout=timedelta(minutes=30), progress="plain", mirror=None, tools={}, values=())
HOW = RunOptions(command="bootstrap up test", log="/logs/up.log")
REPO = FluxRepo(
    kustomizations=(kustomization("apps", config_map("one"), releases=["apps/a", "apps/b"]),),
    releases=(release("a"), release("b", needs=["a"])),
)


@dataclasses.dataclass
class Setting:
    """One stack over fakes, with what its runs told."""

    folder: Path
    world: World = dataclasses.field(default_factory=lambda: World(charts={"apps/a", "apps/b"}, repo=REPO))
    processes: FakeProcesses = dataclasses.field(default_factory=FakeProcesses)
    clock: FakeClock = dataclasses.field(default_factory=FakeClock)
    events: list[Event] = dataclasses.field(default_factory=list)

    @property
    def session(self) -> Session:
        state = StatePaths(folder=self.folder / "bootstrap" / "test-1")
        return Session(
            stack=stack(emulator=True, seeds=True),
            state=state,
            ports=self.world.ports(),
            settings=SETTINGS,
            processes=self.processes,
            journal=Journal(state.journal, self.clock),
            clock=self.clock,
            headline="on fakes",
        )

    def up(self, options: PlanOptions = PlanOptions(), how: RunOptions = HOW) -> Report:  # noqa: B008 - frozen
        return up(self.session, options, how, emit=self.events.append, cancel=self.cancel)

    def plan(self, options: PlanOptions = PlanOptions()) -> Plan:  # noqa: B008 - frozen
        return plan_up(self.session, options, self.cancel).plan

    def down(self, *, keep_data: bool = False) -> Report:
        return down(self.session, HOW, emit=self.events.append, cancel=self.cancel, keep_data=keep_data)

    @property
    def cancel(self) -> CancelToken:
        return CancelToken(self.clock)
