"""Replacements over fake ports: refused, consented to, asked for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from bootstrap.engine.session import PlanOptions
from bootstrap.errors import ExitCode
from bootstrap.model.event import Planned, StepFinished
from bootstrap.model.observed import TargetState
from bootstrap.model.replacement import Consent, Replacement
from bootstrap.model.step import Replace, Step, StepId
from fakes.repo import config_map, kustomization
from fakes.setting import HOW, REPO, Setting

IMAGE = Replacement(reasons=("cluster.image: a → b",), losses=("3 namespaces", "2 volumes"))
DRIVER = Replacement(reasons=("emulator.driver: moto → ministack",))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """One that is up, and declared otherwise since."""
    up = Setting(tmp_path)
    up.up()
    up.world.writes.clear()
    up.events.clear()
    up.world.cluster_replacement = IMAGE
    return up


def allowing(*steps: str) -> PlanOptions:
    return PlanOptions(consent=Consent(steps=frozenset(steps)))


def test_without_consent_the_step_is_refused_and_the_rest_goes_on_with_what_lives(setting: Setting) -> None:
    del setting.world.inventory["flux-system/apps"]
    report = setting.up()
    assert (report.exit_code, report.counts()) == (ExitCode.REFUSED, {"done": 1, "unchanged": 5, "failed": 1})
    assert setting.world.writes == ["apply flux-system/apps"]
    error = report.outcomes[StepId("cluster")].error
    assert error is not None
    assert (error.what, error.evidence) == (
        "cluster would be replaced: cluster.image: a → b",
        ("lost with it: 3 namespaces, 2 volumes",),
    )
    assert "add to the same command: --allow-replace cluster" in str(error.fix)


def test_what_does_not_run_holds_up_what_needs_it(setting: Setting) -> None:
    setting.world.cluster = TargetState.STOPPED
    report = setting.up()
    skipped = [step for step, outcome in report.outcomes.items() if outcome.status == "skipped"]
    assert (report.exit_code, setting.world.writes) == (ExitCode.REFUSED, [])
    assert set(skipped) == {
        "objects/bootstrap-system/emulator",
        "objects/flux-system/apps",
        "release/apps/a",
        "release/apps/b",
    }


def test_with_consent_it_is_replaced_and_everything_is_made_in_the_new_one(setting: Setting) -> None:
    assert setting.up(allowing("cluster")).exit_code == 0
    assert setting.world.writes == [
        "cluster replace",
        "apply bootstrap-system/emulator",
        "apply flux-system/apps",
        "install apps/a",
        "install apps/b",
    ]
    assert setting.up().counts() == {"unchanged": 7}


def test_a_replaced_emulator_is_seeded_again(setting: Setting) -> None:
    setting.world.cluster_replacement, setting.world.emulator_replacement = None, DRIVER
    assert setting.up().exit_code == ExitCode.REFUSED
    assert setting.world.writes == []
    assert setting.up(allowing("emulator")).exit_code == 0
    assert setting.world.writes == ["emulator replace", "seed"]


def test_who_is_asked_and_allows_it_need_not_say_so_before(setting: Setting) -> None:
    setting.world.emulator_replacement = DRIVER
    seen: list[str] = []

    def ask(steps: Sequence[Step]) -> Sequence[StepId]:
        seen.extend(step.id for step in steps)
        return (StepId("cluster"),)

    report = setting.up(how=dataclasses.replace(HOW, ask=ask))
    assert (seen, report.exit_code) == (["cluster", "emulator"], ExitCode.REFUSED)
    assert setting.world.writes[0] == "cluster replace"
    planned = next(event for event in setting.events if isinstance(event, Planned))
    assert [step.reason for step in planned.plan.steps[:2]] == [IMAGE.reason, DRIVER.reason]


def test_nobody_is_asked_where_nothing_is_replaced(setting: Setting) -> None:
    setting.world.cluster_replacement = None

    def ask(steps: Sequence[Step]) -> Sequence[StepId]:
        raise AssertionError(steps)

    assert setting.up(how=dataclasses.replace(HOW, ask=ask)).exit_code == 0


def test_a_refusal_is_told_once_as_an_outcome(setting: Setting) -> None:
    setting.up()
    ended = [event for event in setting.events if isinstance(event, StepFinished) and event.step == "cluster"]
    assert [event.outcome.status for event in ended] == ["failed"]


def test_replaced_while_charts_are_still_brought(setting: Setting) -> None:
    setting.world.charts.clear()
    assert setting.up(allowing("cluster")).exit_code == 0
    assert setting.world.writes.count("cluster replace") == 1
    assert "install apps/b" in setting.world.writes


def test_what_the_api_server_would_not_change_is_planned_as_a_replacement(setting: Setting) -> None:
    """And the rest goes on: nothing of that step is applied without consent."""
    setting.world.cluster_replacement = None
    setting.world.immutable["one"] = Replacement(reasons=("ConfigMap one: data.a cannot change",), losses=("1 volume",))
    assert setting.up().exit_code == 0, "nothing is asked about what is unchanged"
    setting.world.repo = dataclasses.replace(
        REPO, kustomizations=(kustomization("apps", config_map("one"), config_map("two"), releases=["apps/a"]),)
    )
    (step,) = [step for step in setting.plan().steps if isinstance(step.action, Replace)]
    assert (step.id, step.reason) == (
        "objects/flux-system/apps",
        "manifests changed; ConfigMap one: data.a cannot change",
    )
    setting.world.writes.clear()
    report = setting.up()
    assert (report.exit_code, setting.world.writes) == (ExitCode.REFUSED, [])
    assert report.outcomes[step.id].error is not None
    assert setting.up(allowing(step.id)).exit_code == 0
    assert setting.world.writes == ["apply flux-system/apps"]


def test_an_api_server_that_does_not_say_is_a_note(setting: Setting) -> None:
    setting.world.cluster_replacement = None
    setting.world.repo = dataclasses.replace(REPO, kustomizations=(kustomization("apps", config_map("two")),))
    setting.world.fail("dry run", "it does not answer")
    texts = [note.text for note in setting.plan().notes]
    assert "whether every object can change in place is known when it is applied: it does not answer" in texts
