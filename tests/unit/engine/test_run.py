"""The scheduler: order, outcomes, failure, cancel and time."""

import dataclasses
import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.engine import run as run_module
from bootstrap.engine.run import Perform, Report, run_plan
from bootstrap.errors import CancelledError, ExitCode, RefusedError, StepFailedError
from bootstrap.model.event import Event, Outcome, Planned, Status, StepFinished, StepProgress, StepStarted
from bootstrap.model.step import Action, DeleteObjects, Edge, EdgeKind, Keep, Plan, Step, StepId
from bootstrap.plan.order import build_graph
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.clock import FakeClock


def step(name: str, *needs: str, action: Action | None = None, seconds: float = 60) -> Step:
    return Step(
        id=StepId(name),
        action=action or DeleteObjects(owner=name, objects=()),
        needs=tuple(StepId(need) for need in needs),
        reason="asked",
        timeout=timedelta(seconds=seconds),
    )


def owner(action: Action) -> str:
    assert isinstance(action, DeleteObjects)
    return action.owner


def go(
    steps: list[Step], perform: Perform, *, jobs: int = 2, cancel: CancelToken | None = None, fail_fast: bool = False
) -> tuple[Report, list[Event]]:
    events: list[Event] = []
    token = cancel or CancelToken(SystemClock())
    plan = Plan(steps=tuple(steps))
    return run_plan(plan, perform, events.append, jobs=jobs, cancel=token, fail_fast=fail_fast), events


def done(action: Action, work: Work) -> Outcome:
    del action, work
    return Outcome(status=Status.DONE)


def statuses(report: Report) -> dict[str, str]:
    return {name: outcome.status.value for name, outcome in report.outcomes.items()}


def test_one_job_performs_in_listed_order_with_start_and_end_told() -> None:
    report, events = go([step("a"), step("b", "a"), step("c")], done, jobs=1)
    names = [(type(event).__name__, event.step) for event in events if isinstance(event, StepStarted | StepFinished)]
    assert names == [(kind, name) for name in "abc" for kind in ("StepStarted", "StepFinished")]
    assert report.exit_code is ExitCode.OK
    assert report.counts() == {"done": 3}


def test_progress_is_told_between() -> None:
    def perform(action: Action, work: Work) -> Outcome:
        work.notify("half way")
        return done(action, work)

    _, events = go([step("a")], perform)
    assert [type(event) for event in events] == [StepStarted, StepProgress, StepFinished]


def test_a_failure_skips_what_needs_it_and_names_the_culprit() -> None:
    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "a":
            raise StepFailedError("it broke")
        return done(action, work)

    report, _ = go([step("a"), step("b", "a"), step("c", "b"), step("d")], perform)
    assert statuses(report) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "done"}
    assert report.outcomes[StepId("c")].detail == "a"
    assert report.exit_code is ExitCode.STEP_FAILED


def test_fail_fast_stops_the_rest() -> None:
    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "a":
            raise StepFailedError("it broke")
        return done(action, work)

    report, _ = go([step("a"), step("b"), step("c", "a")], perform, jobs=1, fail_fast=True)
    assert statuses(report) == {"a": "failed", "b": "cancelled", "c": "skipped"}
    assert report.exit_code is ExitCode.STEP_FAILED


def test_fail_fast_cancels_what_runs() -> None:
    begun = threading.Event()

    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "a":
            begun.wait()
            raise StepFailedError("it broke")
        begun.set()
        while True:
            work.cancel.sleep(1)

    report, _ = go([step("a"), step("b")], perform, fail_fast=True)
    assert statuses(report) == {"a": "failed", "b": "cancelled"}
    assert report.outcomes[StepId("b")].detail == "a failed"


def test_kept_steps_take_no_thread_and_wait_for_their_needs() -> None:
    report, events = go([step("a"), step("b", "a", action=Keep(what="b"))], done)
    assert statuses(report) == {"a": "done", "b": "unchanged"}
    assert [event.step for event in events if isinstance(event, StepStarted)] == ["a"]


def test_a_refusal_keeps_its_exit_code_and_a_bug_is_told_as_one() -> None:
    def refuse(action: Action, work: Work) -> Outcome:
        raise RefusedError("not ours")

    def crash(action: Action, work: Work) -> Outcome:
        raise ZeroDivisionError("oops")

    def fill(action: Action, work: Work) -> Outcome:
        raise OSError(28, "No space left on device", "/state/file")

    assert go([step("a")], refuse)[0].exit_code is ExitCode.REFUSED
    report, _ = go([step("a")], fill)
    assert report.exit_code is ExitCode.STEP_FAILED
    assert report.outcomes[StepId("a")].detail == "No space left on device: /state/file"
    report, _ = go([step("a")], crash)
    assert report.exit_code is ExitCode.BUG
    assert report.outcomes[StepId("a")].detail == "unexpected ZeroDivisionError: oops"


def test_cancel_ends_what_runs_and_reports_the_rest() -> None:
    token = CancelToken(SystemClock())

    def perform(action: Action, work: Work) -> Outcome:
        token.cancel("interrupted")
        work.cancel.check()
        raise AssertionError

    report, events = go([step("a"), step("b", "a"), step("c")], perform, jobs=1, cancel=token)
    assert statuses(report) == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}
    assert sum(isinstance(event, StepFinished) for event in events) == 3
    assert report.exit_code is ExitCode.INTERRUPTED


def test_a_step_past_its_deadline_fails_and_the_others_go_on() -> None:
    clock = FakeClock()

    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "a":
            work.cancel.sleep(10)
        return done(action, work)

    report, _ = go([step("a", seconds=5), step("b")], perform, jobs=1, cancel=CancelToken(clock))
    assert statuses(report) == {"a": "failed", "b": "done"}
    assert report.outcomes[StepId("a")].detail == "a was not done within 5s"


def test_the_runs_own_deadline_ends_it_with_its_own_exit_code() -> None:
    cancel = CancelToken(FakeClock()).within(5, "the run")

    def perform(action: Action, work: Work) -> Outcome:
        work.cancel.sleep(10)
        raise AssertionError

    report, _ = go([step("a"), step("b")], perform, jobs=1, cancel=cancel)
    assert statuses(report) == {"a": "failed", "b": "cancelled"}
    assert report.outcomes[StepId("a")].detail == "the run was not done within 5s"
    assert report.exit_code is ExitCode.TIMEOUT


def test_a_step_that_does_not_obey_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_POLL_SECONDS", 0.001)
    clock, stuck = FakeClock(), threading.Event()

    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "stuck":
            clock.advance(1000)
            stuck.wait()
            work.notify("too late")
        return done(action, work)

    original = clock.monotonic

    def running_on() -> float:
        clock.advance(1)
        return original()

    monkeypatch.setattr(clock, "monotonic", running_on)
    report, _ = go(
        [step("stuck", seconds=5), step("b", "stuck"), step("c")], perform, jobs=1, cancel=CancelToken(clock)
    )
    stuck.set()
    assert statuses(report) == {"stuck": "failed", "b": "skipped", "c": "done"}
    assert "does not stop" in report.outcomes[StepId("stuck")].detail or report.outcomes[StepId("stuck")].error


def test_when_what_is_watched_breaks_the_run_ends_at_once_with_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_POLL_SECONDS", 0.001)
    clock, asked = FakeClock(), []

    def check() -> None:
        asked.append(clock.monotonic())
        if len(asked) > 2:
            raise StepFailedError("etcd is not running", evidence=("disk full",))

    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "cluster":
            assert not asked
            return done(action, work)
        while True:
            threading.Event().wait(0.001)
            clock.advance(0.3)
            work.cancel.check()

    long = 1e9  # the steps only end because of what is watched
    steps = (step("cluster"), step("a", "cluster", seconds=long), step("b", "a"), step("c", seconds=long))
    report = run_plan(
        Plan(steps=steps),
        perform,
        lambda _event: None,
        jobs=2,
        cancel=CancelToken(clock),
        watch=run_module.Watch(after=StepId("cluster"), check=check),
    )
    assert statuses(report) == {"cluster": "done", "a": "failed", "b": "cancelled", "c": "failed"}
    assert report.outcomes[StepId("a")].error is not None
    assert report.outcomes[StepId("a")].detail == "etcd is not running"
    assert report.exit_code is ExitCode.STEP_FAILED
    assert all(later - earlier >= 1 for earlier, later in pairwise(asked))


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Random DAGs: a step may need any listed before it."""
    count = draw(st.integers(1, 12))
    steps = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        kept = draw(st.booleans())
        name = f"s{number}"
        action = Keep(what=name) if kept else DeleteObjects(owner=name, objects=())
        steps.append(step(name, *(f"s{need}" for need in sorted(needs)), action=action))
    return steps


@given(graphs(), st.sets(st.integers(0, 11)), st.none() | st.integers(0, 11), st.integers(1, 4), st.booleans())
def test_whatever_happens_every_step_has_one_outcome_after_its_needs(
    steps: list[Step], failing: set[int], cancelling: int | None, jobs: int, fail_fast: bool
) -> None:
    token = CancelToken(FakeClock())
    ended: set[str] = set()

    def perform(action: Action, work: Work) -> Outcome:
        name = owner(action)
        needs = next(planned_step.needs for planned_step in steps if planned_step.id == name)
        assert ended.issuperset(needs)
        if name == f"s{cancelling}":
            token.cancel("interrupted")
        if name in {f"s{number}" for number in failing}:
            raise StepFailedError("it broke")
        return done(action, work)

    finished: list[StepFinished] = []

    def emit(event: Event) -> None:
        if isinstance(event, StepFinished):
            finished.append(event)
            ended.add(event.step)

    report = run_plan(Plan(steps=tuple(steps)), perform, emit, jobs=jobs, cancel=token, fail_fast=fail_fast)
    assert sorted(event.step for event in finished) == sorted(planned_step.id for planned_step in steps)
    assert list(report.outcomes) == [planned_step.id for planned_step in steps]
    assert not any(
        outcome.status is Status.FAILED and isinstance(outcome.error, run_module.BugError)
        for outcome in report.outcomes.values()
    )
    assert not any(wrong(planned_step, report) for planned_step in steps)


def wrong(planned_step: Step, report: Report) -> bool:
    """Whether a step ran without its needs, or was skipped because of one that did not fail."""
    outcome = report.outcomes[planned_step.id]
    if outcome.status is Status.SKIPPED:
        return report.outcomes[StepId(outcome.detail)].status is not Status.FAILED
    ran = outcome.status in {Status.DONE, Status.UNCHANGED, Status.FAILED}
    fine = {Status.DONE, Status.UNCHANGED}
    return ran and not all(report.outcomes[need].status in fine for need in planned_step.needs)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Random plans as `build_graph` makes them: strict edges and listed ones, needs reduced to the nearest."""
    count = draw(st.integers(2, 10))
    names = [StepId(f"s{number}") for number in range(count)]
    kinds = st.sampled_from([EdgeKind.STRUCTURE, EdgeKind.DEPENDS_ON, EdgeKind.INFERRED, EdgeKind.LISTED])
    chosen = draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), kinds),
            max_size=25,
            unique_by=lambda item: item[:2],
        )
    )
    edges = [
        Edge(step=names[max(pair)], needs=names[min(pair)], kind=kind, reason="so")
        for *pair, kind in chosen
        if pair[0] != pair[1]
    ]
    graph, _ = build_graph(names, edges)
    steps = tuple(step(name, *graph.needs(name)) for name in graph.ordered())
    return Plan(steps=steps, edges=graph.edges())


@given(plans(), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9), max_size=2), st.integers(1, 4))
def test_no_step_starts_before_every_strict_need_has_ended_well(
    plan: Plan, failing: set[int], stopped: set[int], jobs: int
) -> None:
    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) in {f"s{number}" for number in failing}:
            raise StepFailedError("it broke")
        if owner(action) in {f"s{number}" for number in stopped}:
            raise CancelledError("it was stopped")
        return done(action, work)

    ended: dict[str, Status] = {}

    def emit(event: Event) -> None:
        if isinstance(event, StepFinished):
            ended[event.step] = event.outcome.status
        if isinstance(event, StepStarted):
            before = [edge for edge in plan.edges if edge.step == event.step]
            assert all(edge.needs in ended for edge in before)
            strict = [edge.needs for edge in before if edge.kind is not EdgeKind.LISTED]
            assert all(ended[need] is Status.DONE for need in strict)
            assert not [name for name in through(plan, event.step) if name not in ended]

    report = run_plan(plan, perform, emit, jobs=jobs, cancel=CancelToken(FakeClock()))
    assert set(report.outcomes) == {planned.id for planned in plan.steps}


def through(plan: Plan, name: StepId) -> set[StepId]:
    """All that comes before a step, near or far."""
    near = {edge.needs for edge in plan.edges if edge.step == name}
    return near.union(*(through(plan, need) for need in near))


def test_a_follower_in_listed_order_waits_for_what_its_skipped_neighbour_waited_for() -> None:
    """The neighbour is skipped before the cluster is there: that opens no door."""
    skipped = threading.Event()

    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "pull":
            raise StepFailedError("no such chart")
        if owner(action) == "cluster":
            skipped.wait()
        return done(action, work)

    graph, _ = build_graph(
        [StepId(name) for name in ("cluster", "pull", "first", "second")],
        [
            Edge(step=StepId(name), needs=StepId(need), kind=kind, reason="so")
            for name, need, kind in (
                ("first", "cluster", EdgeKind.STRUCTURE),
                ("second", "cluster", EdgeKind.STRUCTURE),
                ("first", "pull", EdgeKind.STRUCTURE),
                ("second", "first", EdgeKind.LISTED),
            )
        ],
    )
    plan = Plan(steps=tuple(step(name, *graph.needs(name)) for name in graph.ordered()), edges=graph.edges())
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepFinished) and event.step == "first":
            skipped.set()

    report = run_plan(plan, perform, emit, jobs=4, cancel=CancelToken(SystemClock()))
    assert statuses(report) == {"cluster": "done", "pull": "failed", "first": "skipped", "second": "done"}
    order = [(type(event), event.step) for event in events if isinstance(event, StepStarted | StepFinished)]
    assert order.index((StepFinished, StepId("cluster"))) < order.index((StepStarted, StepId("second")))


def test_what_is_only_listed_after_a_failure_goes_on_and_what_needs_it_does_not() -> None:
    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "a":
            raise StepFailedError("it broke")
        return done(action, work)

    def edge(name: str, need: str, kind: EdgeKind) -> Edge:
        return Edge(step=StepId(name), needs=StepId(need), kind=kind, reason="so")

    plan = Plan(
        steps=(step("a"), step("b", "a"), step("c", "b")),
        edges=(
            edge("b", "a", EdgeKind.LISTED),
            edge("c", "b", EdgeKind.LISTED),
            edge("c", "a", EdgeKind.DEPENDS_ON),
        ),
    )
    report = run_plan(plan, perform, lambda _event: None, jobs=1, cancel=CancelToken(SystemClock()))
    assert statuses(report) == {"a": "failed", "b": "done", "c": "skipped"}


def test_a_plan_grows_by_what_a_step_found_out_and_nothing_is_done_twice() -> None:
    performed: list[str] = []

    def perform(action: Action, work: Work) -> Outcome:
        performed.append(owner(action))
        return done(action, work)

    grown = Plan(steps=(step("a"), step("late", "a"), step("later", "late")))
    events: list[Event] = []
    report = run_plan(
        Plan(steps=(step("a"), step("finds out"))),
        perform,
        events.append,
        jobs=2,
        cancel=CancelToken(SystemClock()),
        grow=lambda ended: grown if ended == "finds out" else None,
    )
    assert sorted(performed) == ["a", "finds out", "late", "later"]
    assert statuses(report) == dict.fromkeys(("finds out", "a", "late", "later"), "done")
    assert [event.plan for event in events if isinstance(event, Planned)] == [grown]


def test_a_step_that_finds_nothing_out_leaves_the_plan_as_it_is() -> None:
    def perform(action: Action, work: Work) -> Outcome:
        if owner(action) == "finds out":
            raise StepFailedError("nothing")
        return done(action, work)

    report = run_plan(
        Plan(steps=(step("a"), step("finds out"))),
        perform,
        lambda _event: None,
        jobs=1,
        cancel=CancelToken(SystemClock()),
        grow=lambda ended: pytest.fail(f"{ended} failed") if ended == "finds out" else None,
    )
    assert statuses(report) == {"a": "done", "finds out": "failed"}


@pytest.mark.parametrize("words", ["", "waiting for Deployment shop/web"])
def test_no_step_is_silent_for_long(words: str) -> None:
    """What it said last is said again after 15 s, also where it printed nothing yet."""
    clock, spoken, again = FakeClock(), threading.Event(), threading.Event()
    texts: list[str] = []

    def perform(action: Action, work: Work) -> Outcome:
        if words:
            work.notify(words)
            assert spoken.wait(10)
        clock.advance(16)
        assert again.wait(10)
        return done(action, work)

    def emit(event: Event) -> None:
        if isinstance(event, StepProgress):
            texts.append(event.text)
            (again if texts.count(words) > 1 or not words else spoken).set()

    report = run_plan(Plan(steps=(step("a"),)), perform, emit, jobs=1, cancel=CancelToken(clock))
    assert report.exit_code is ExitCode.OK
    assert texts == ([words, words] if words else ["still working"])


def test_if_not_all_can_start_the_longest_chain_does() -> None:
    steps = [step("short"), step("first"), dataclasses.replace(step("slow", "first"), estimate=9.0), step("last")]
    _, events = go(steps, done, jobs=1)
    started = [event.step for event in events if isinstance(event, StepStarted)]
    assert started == ["first", "slow", "short", "last"]
