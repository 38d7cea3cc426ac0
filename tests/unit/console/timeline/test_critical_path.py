"""The critical path of recorded runs."""

import json
from itertools import pairwise

import pytest
from hypothesis import given

from bootstrap.console.json_lines import event_record
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.model import Lane, Timeline
from fakes.random_run import RandomRun, Recorder, random_runs
from fakes.recorded_run import FAILED


def timeline(run: RandomRun) -> Timeline:
    made = timeline_of(Recorder(run).record())
    assert made is not None
    return made


@given(random_runs())
def test_its_sum_is_the_time_of_the_run(run: RandomRun) -> None:
    made = timeline(run)
    assert made.critical_seconds == pytest.approx(made.seconds, rel=0.05)
    assert made.seconds == pytest.approx(Recorder(run).record()[-1]["seconds"], rel=0.05, abs=0.001)


@given(random_runs())
def test_every_part_of_it_is_work_that_was_recorded(run: RandomRun) -> None:
    made = timeline(run)
    for segment in made.path:
        bar = made.bar(segment.bar)
        assert bar is not None, segment
        assert bar.start - 0.05 <= segment.start <= segment.end <= bar.end + 0.05
    for before, after in pairwise(made.path):
        assert before.end == pytest.approx(after.start, abs=0.001)


@given(random_runs())
def test_no_run_with_as_many_places_as_steps_is_shorter_than_the_longest_chain(run: RandomRun) -> None:
    """Where places are never short, every link of the path is a need, and the path is the longest chain of needs."""
    free = RandomRun(durations=run.durations, needs=run.needs, jobs=len(run.durations), planning=0, ending=0)
    made = timeline(free)
    assert not [segment.why for segment in made.path if segment.bar != "planning" and "needs" not in segment.why][1:]
    longest: list[int] = []
    for took, needs in zip(run.durations, run.needs, strict=True):
        longest.append(took + max((longest[need] for need in needs), default=0))
    assert made.critical_seconds == pytest.approx(max(longest) / 1000, abs=0.001)


def test_a_step_that_waited_for_a_place_began_when_another_one_had_ended() -> None:
    run = RandomRun(durations=(4000, 1000), needs=(frozenset(), frozenset()), jobs=1, planning=500, ending=250)
    made = timeline(run)
    assert [(segment.bar, round(segment.seconds, 3), segment.why) for segment in made.path] == [
        ("planning", 0.5, ""),
        ("release/shop/app-0", 4.0, "began when planning had ended"),
        ("release/shop/app-1", 1.0, "began when release/shop/app-0 had ended"),
        ("ending", 0.25, "began when release/shop/app-1 had ended"),
    ]


def test_a_need_is_told_with_its_reason() -> None:
    run = RandomRun(durations=(2000, 1000), needs=(frozenset(), frozenset({0})), jobs=2, planning=0, ending=0)
    second = timeline(run).bar("release/shop/app-1")
    assert second is not None
    assert (second.after, second.waited) == ("release/shop/app-0", 0.0)
    assert timeline(run).path[-1].why == "needs release/shop/app-0: because of release/shop/app-0"


def test_nodes_are_the_clusters() -> None:
    run = RandomRun(durations=(2000,), needs=(frozenset(),), jobs=1, planning=0, ending=0)
    made = timeline_of(json.loads(json.dumps(Recorder(run).record()).replace("release/shop/app-0", "nodes")))
    assert made is not None
    bar = made.bar("nodes")
    assert bar is not None
    assert bar.lane is Lane.CLUSTER


def test_time_that_nothing_accounts_for_is_a_part_of_its_own() -> None:
    records = Recorder(
        RandomRun(durations=(1000, 1000), needs=(frozenset(), frozenset({0})), jobs=1, planning=0, ending=0)
    ).record()
    late = [{**record, "at": record["at"].replace(":02.000Z", ":09.000Z")} for record in records]
    late[-3]["at"] = "2026-01-02T10:15:08.000Z"  # the second step begins seven seconds after the first one ended
    made = timeline_of(late)
    assert made is not None
    assert [(part.bar, part.seconds) for part in made.path if not part.bar] == [("", 7.0)]
    assert made.critical_seconds == made.seconds == 9.0


def test_a_killed_run_ends_with_its_last_record() -> None:
    made = timeline_of(map(event_record, FAILED[:11]))
    assert made is not None
    assert (made.exit_code, made.seconds) == (None, 44.0)
    traefik = made.bar("release/traefik/traefik")
    assert traefik is not None
    assert (traefik.status, traefik.start) == ("not finished", 42.0)


def test_a_file_without_a_run_has_no_timeline() -> None:
    assert timeline_of([{"type": "noted", "at": "2026-01-02T10:15:00.000Z"}]) is None
