"""up, up again and down over fake ports: what is written, and what a second run leaves alone."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bootstrap.engine.obtain import prepare_all
from bootstrap.engine.plan import failures_of, plan_up
from bootstrap.engine.session import PlanOptions
from bootstrap.engine.state_folder import remove_state
from bootstrap.engine.up import up
from bootstrap.errors import InvalidError, Place, Problem, RefusedError
from bootstrap.model.event import (
    Noted,
    Planned,
    RunFinished,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.observed import TargetState
from bootstrap.model.release import FluxRepo, LocalChart, UnknownChart, ValuesFrom
from bootstrap.model.stack import DeclaredValue
from bootstrap.model.step import StepId
from bootstrap.system.processes import Command, ProcessIdentity
from bootstrap.system.work import Work
from fakes.repo import release
from fakes.setting import HOW, REPO, SETTINGS, Setting


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


COLD = [
    "cluster up",
    "emulator up",
    "apply flux-system/apps",
    "seed",
    "install apps/a",
    "install apps/b",
    "apply bootstrap-system/emulator",
]


def test_up_writes_everything_once(setting: Setting) -> None:
    assert setting.up().counts() == {"done": 7}
    assert setting.world.writes == COLD
    assert setting.up().counts() == {"unchanged": 7}
    assert setting.world.writes == COLD


def test_a_run_is_told_from_start_to_end(setting: Setting) -> None:
    setting.up()
    first, second, *_, last = setting.events
    assert isinstance(first, RunStarted)
    assert (first.headline, first.stack) == ("on fakes", "test")
    assert isinstance(second, Planned)
    assert isinstance(last, RunFinished)
    assert last.counts == {"done": 7}
    assert last.log is None
    assert last.summary[1:3] == (
        "AWS: export AWS_ENDPOINT_URL=http://127.0.0.1:4566",
        "Pods are simulated: the Kubernetes API is real, nothing in a pod runs",
    )


def test_a_chart_pulled_in_this_run_is_prepared_before_it_is_installed(setting: Setting) -> None:
    setting.world.charts.clear()
    assert setting.up().exit_code == 0
    assert [write for write in setting.world.writes if write.startswith("pull")] == ["pull apps/a", "pull apps/b"]
    assert setting.up().counts() == {"unchanged": 7}


def test_charts_are_pulled_beside_what_needs_none_and_the_rest_is_planned_of_them(setting: Setting) -> None:
    setting.world.charts.clear()
    report = setting.up()
    first, second = [event for event in setting.events if isinstance(event, Planned)]
    assert [step.id for step in first.plan.steps] == ["cluster", "emulator", "seeds", "charts"]
    assert not [step for step in second.plan.steps if step.id.startswith("pull/")]
    ended = {str(event.step): event.outcome.detail for event in setting.events if isinstance(event, StepFinished)}
    assert ended["charts"] == "2 of 2 pulled"
    assert report.counts() == {"done": 8}
    assert len([event for event in setting.events if isinstance(event, StepFinished)]) == 8
    assert [write for write in setting.world.writes if write.startswith("cluster")] == ["cluster up"]


def test_charts_that_make_no_plan_end_the_run_with_their_error(setting: Setting) -> None:
    setting.world.charts.clear()
    setting.world.fail("prepare", "values do not fit")
    report = setting.up()
    assert (report.exit_code, report.counts()) == (1, {"done": 3, "failed": 1})
    assert not [write for write in setting.world.writes if write.startswith("install")]


def test_a_chart_that_cannot_be_pulled_fails_in_its_own_step(setting: Setting) -> None:
    setting.world.charts.clear()
    setting.world.fail("pull apps/b")
    assert setting.up().exit_code == 1
    assert "install apps/a" in setting.world.writes


def test_a_release_that_cannot_be_rendered_fails_in_its_own_step_and_the_others_go_on(setting: Setting) -> None:
    setting.world.refused.add("apps/a")
    setting.world.repo = FluxRepo(
        kustomizations=REPO.kustomizations, releases=(release("a"), release("b"), release("c", needs=["a"]))
    )
    setting.world.charts.add("apps/c")
    report = setting.up()
    outcomes = {step: outcome.status.value for step, outcome in report.outcomes.items() if step.startswith("release")}
    assert outcomes == {"release/apps/a": "failed", "release/apps/b": "done", "release/apps/c": "skipped"}
    assert report.exit_code == 1
    texts = [event.note.text for event in setting.events if isinstance(event, Noted)]
    assert "release/apps/a will fail: apps/a cannot be rendered" in texts
    assert "install apps/b" in setting.world.writes


def test_a_release_whose_values_in_the_cluster_changed_is_installed_again(setting: Setting) -> None:
    source = ValuesFrom(kind="Secret", name="made-there")
    setting.world.repo = FluxRepo(kustomizations=REPO.kustomizations, releases=(release("a", values_from=(source,)),))
    setting.world.values_hash = "one"
    setting.up()
    assert "unchanged" in setting.up().counts()
    assert setting.world.writes.count("install apps/a") == 1
    setting.world.values_hash = "two"
    steps = {step.id: step.reason for step in plan_up(setting.session, PlanOptions(), setting.cancel).plan.steps}
    assert steps[StepId("release/apps/a")] == "its values in the cluster changed"
    setting.world.cluster = TargetState.STOPPED
    setting.up()
    assert setting.world.writes.count("install apps/a") == 2
    setting.world.cluster = TargetState.STOPPED
    setting.up()
    assert setting.world.writes.count("install apps/a") == 2


def test_up_refuses_a_repository_that_is_not_whole_and_a_plan_shows_the_rest(setting: Setting) -> None:
    setting.world.repo = dataclasses.replace(REPO, problems=(Problem(place=Place(file="a.yaml"), text="is encrypted"),))
    with pytest.raises(InvalidError, match="is encrypted"):
        setting.up()
    assert setting.world.writes == []
    planned = plan_up(setting.session, PlanOptions(tolerant=True), setting.cancel)
    assert len(planned.plan.steps) == len(COLD)
    assert [str(error) for error in planned.failures] == ["a.yaml: is encrypted"]


def test_what_can_be_rendered_is_given_beside_what_cannot(setting: Setting) -> None:
    missing = LocalChart(path=Path("/gone"))
    unknown = UnknownChart(reason="its source is not in the repository")
    releases = (
        release("a"),
        dataclasses.replace(release("c"), chart=missing),
        dataclasses.replace(release("d"), chart=missing),
        dataclasses.replace(release("e"), chart=unknown),
    )
    setting.world.fail("pull apps/c", "no such chart")
    prepared = prepare_all(setting.session, releases, (), Work(setting.cancel, lambda _text: None))
    failed = {
        prepared_release.release.id: None if prepared_release.failure is None else prepared_release.failure.what
        for prepared_release in prepared
    }
    assert failed == {"apps/a": None, "apps/c": "no such chart", "apps/d": "no such chart", "apps/e": None}
    assert [error.what for error in failures_of(FluxRepo(), prepared)] == ["no such chart"]


def test_a_stopped_stack_is_started_and_nothing_else_is_written(setting: Setting) -> None:
    setting.up()
    setting.world.writes.clear()
    setting.world.cluster = setting.world.emulator = TargetState.STOPPED
    report = setting.up()
    assert setting.world.writes == ["cluster up", "emulator up"]
    assert report.counts() == {"done": 2, "unchanged": 5}


@pytest.mark.parametrize("at", COLD)
def test_after_a_failure_anywhere_the_next_run_does_the_rest(setting: Setting, at: str) -> None:
    setting.world.fail(at)
    report = setting.up()
    assert report.exit_code == 1
    last = setting.events[-1]
    assert isinstance(last, RunFinished)
    assert last.log == "/logs/up.log"
    setting.world.failures.clear()
    assert setting.up().exit_code == 0
    assert sorted(setting.world.writes) == sorted(COLD)


def test_plan_changes_nothing(setting: Setting) -> None:
    planning = plan_up(setting.session, PlanOptions(only=("a",)), setting.cancel)
    assert [step.id for step in planning.plan.steps] == ["cluster", "objects/flux-system/apps", "release/apps/a"]
    assert setting.world.writes == []
    assert not setting.session.state.folder.exists()


def test_strict_refuses_what_would_be_noted(setting: Setting) -> None:
    setting.world.repo = FluxRepo(releases=(release("a", suspended=True),))
    with pytest.raises(InvalidError, match="apps/a is suspended"):
        setting.up(PlanOptions(strict=True))
    assert setting.up().exit_code == 0
    assert [event.note.text for event in setting.events if isinstance(event, Noted)] == [
        "apps/a is suspended: left as it is"
    ]


def test_what_a_killed_run_left_is_ended_politely_before_anything_else(setting: Setting) -> None:
    helm = ProcessIdentity(pid=7, started="t7", program="helm")
    setting.processes.living[7] = helm
    setting.session.journal.child(helm, Command(argv=("helm", "upgrade")))
    gone = ProcessIdentity(pid=8, started="t8", program="kubectl")
    setting.session.journal.child(gone, Command(argv=("kubectl", "apply")))
    setting.up()
    assert [name for name, _ in setting.processes.stopped] == ["helm"]
    assert isinstance(setting.events[1], Noted)
    assert setting.events[1].note.text == "ended helm, left running by a killed run"


def test_down_takes_all_away_and_leaves_no_file(setting: Setting, tmp_path: Path) -> None:
    setting.up()
    report = setting.down()
    assert report.exit_code == 0
    assert setting.world.writes[-2:] == ["cluster delete", "emulator delete"]
    assert list(tmp_path.iterdir()) == []


def test_down_of_nothing_says_so_and_makes_nothing(setting: Setting, tmp_path: Path) -> None:
    assert setting.down().exit_code == 0
    assert setting.world.writes == []
    last = setting.events[-1]
    assert isinstance(last, RunFinished)
    assert last.summary == ("nothing to remove",)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_down_keeps_the_state_for_the_next_one(setting: Setting) -> None:
    setting.up()
    setting.world.fail("cluster delete")
    assert setting.down().counts() == {"done": 1, "failed": 1, "skipped": 1}
    assert setting.session.state.folder.exists()
    setting.world.failures.clear()
    assert setting.down().exit_code == 0


def test_the_folder_of_other_stacks_stays(setting: Setting) -> None:
    setting.up()
    other = setting.session.state.folder.parent / "other"
    other.mkdir()
    remove_state(setting.session)
    assert other.exists()


def test_two_runs_at_once_are_told_apart(setting: Setting) -> None:
    inner: list[Callable[[], object]] = []

    def meanwhile(_work: Work) -> None:
        with pytest.raises(RefusedError, match=r"another run changes this stack: pid \d+, bootstrap up test"):
            setting.up()
        inner.append(setting.up)

    setting.world.collect = meanwhile
    setting.up()
    assert inner


def test_the_runs_deadline_begins_when_its_programs_are_here(setting: Setting) -> None:
    def fetch(work: Work) -> None:
        work.notify("building the control plane")
        setting.clock.advance(3600)

    setting.world.missing, setting.world.fetch = ("kwok",), fetch
    settings = dataclasses.replace(SETTINGS, timeout=timedelta(minutes=1))
    session = dataclasses.replace(setting.session, settings=settings)
    report = up(session, PlanOptions(), HOW, emit=setting.events.append, cancel=setting.cancel)
    assert report.exit_code == 0
    events = [event for event in setting.events if isinstance(event, StepStarted | StepProgress | StepFinished)]
    assert [event.step for event in events[:3]] == ["programs"] * 3
    last = setting.events[-1]
    assert isinstance(last, RunFinished)
    assert last.seconds >= 3600


def test_a_program_that_cannot_be_had_ends_the_run_before_there_is_a_plan(setting: Setting) -> None:
    def fetch(_work: Work) -> None:
        raise RefusedError("kwok cannot be had")

    setting.world.missing, setting.world.fetch = ("kwok",), fetch
    with pytest.raises(RefusedError, match="kwok cannot be had"):
        setting.up()
    assert not any(isinstance(event, Planned) for event in setting.events)
    assert setting.world.writes == []


def test_a_variable_of_the_command_line_that_nothing_names_is_noted(setting: Setting) -> None:
    setting.world.repo = dataclasses.replace(REPO, named_variables=frozenset({"app_image"}))
    values = (
        DeclaredValue(path="variables.app_imgae", value="x", origin="--var"),
        DeclaredValue(path="variables.app_image", value="x", origin="--var"),
        DeclaredValue(path="variables.of_the_file", value="x", origin="stacks/dev.yaml:7"),
    )
    session = dataclasses.replace(setting.session, values=values)
    text = "--var: no file names a variable app_imgae: it has no effect; did you mean app_image?"
    planning = plan_up(session, PlanOptions(), setting.cancel)
    assert [note.text for note in planning.plan.notes if "no effect" in note.text] == [text]
