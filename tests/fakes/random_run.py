"""Runs of random plans, recorded as the scheduler would record them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from bootstrap.console.json_lines import event_record
from bootstrap.model.event import Event, Outcome, Planned, RunFinished, RunStarted, Status, StepFinished, StepStarted
from bootstrap.model.step import ApplySeeds, Edge, EdgeKind, Plan, Step, StepId
from fakes.recorded_run import at


@dataclass(frozen=True, kw_only=True)
class RandomRun:
    """What is needed to record a run."""

    durations: tuple[int, ...]
    """Of each step in ms."""
    needs: tuple[frozenset[int], ...]
    """Of each step: earlier ones."""
    jobs: int
    planning: int
    ending: int
    programs: int = 0


@dataclass
class Recorder:
    """Runs the steps as soon as what they need has ended and a place is free."""

    run: RandomRun
    events: list[Event] = field(default_factory=list)
    running: dict[int, int] = field(default_factory=dict)
    """By step: when it ends."""
    ended: set[int] = field(default_factory=set)
    now: int = 0

    def record(self) -> list[Mapping[str, Any]]:
        run = self.run
        self._add(RunStarted(at=at(0), command="bootstrap up dev", stack="dev", headline=""))
        if run.programs:
            self._add(StepStarted(at=at(0), step=StepId("programs"), reason="not downloaded yet"))
            self.now += run.programs
            self._add(self._finished("programs", run.programs))
        self.now += run.planning
        self._add(Planned(at=self._at(), plan=self._plan()))
        while len(self.ended) < len(run.durations):
            self._start()
            self._end_one()
        self.now += run.ending
        self._add(RunFinished(at=self._at(), exit_code=0, seconds=self.now / 1000, counts={}))
        return [event_record(event) for event in self.events]

    def _start(self) -> None:
        for step in range(len(self.run.durations)):
            known = step in self.ended or step in self.running
            if not known and len(self.running) < self.run.jobs and self.run.needs[step] <= self.ended:
                self._add(StepStarted(at=self._at(), step=name(step), reason="new"))
                self.running[step] = self.now + self.run.durations[step]

    def _end_one(self) -> None:
        step = min(self.running, key=lambda each: self.running[each])
        self.now = self.running.pop(step)
        self.ended.add(step)
        self._add(self._finished(name(step), self.run.durations[step]))

    def _finished(self, step: str, took: int) -> StepFinished:
        return StepFinished(at=self._at(), step=StepId(step), outcome=Outcome(status=Status.DONE), seconds=took / 1000)

    def _plan(self) -> Plan:
        steps = [
            Step(
                id=name(step),
                action=ApplySeeds(),
                needs=tuple(sorted(map(name, needs))),
                reason="new",
                timeout=timedelta(1),
            )
            for step, needs in enumerate(self.run.needs)
        ]
        edges = [
            Edge(step=step.id, needs=need, kind=EdgeKind.DEPENDS_ON, reason=f"because of {need}")
            for step in steps
            for need in step.needs
        ]
        return Plan(steps=tuple(steps), edges=tuple(edges))

    def _at(self) -> Any:
        return at(self.now / 1000)

    def _add(self, event: Event) -> None:
        self.events.append(event)


def name(step: int) -> StepId:
    return StepId(f"release/shop/app-{step}")


@st.composite
def random_runs(draw: st.DrawFn) -> RandomRun:
    count = draw(st.integers(1, 12))
    return RandomRun(
        durations=tuple(draw(st.lists(st.integers(1, 60_000), min_size=count, max_size=count))),
        needs=tuple(
            frozenset(draw(st.sets(st.integers(0, step - 1), max_size=3)) if step else ()) for step in range(count)
        ),
        jobs=draw(st.integers(1, 4)),
        planning=draw(st.integers(0, 20_000)),
        ending=draw(st.integers(0, 3_000)),
        programs=draw(st.sampled_from([0, 5_000])),
    )
