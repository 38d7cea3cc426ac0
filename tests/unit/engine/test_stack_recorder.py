"""What is remembered is what is there: also of a run that was refused, failed, or was only for a part."""

import dataclasses
from pathlib import Path

import pytest

from bootstrap.config.differences import ValueDifference
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.engine.up import flags_missing, revive, up
from bootstrap.model.event import Noted
from bootstrap.model.observed import TargetState
from bootstrap.model.stack import ClusterSpec, DeclaredValue
from bootstrap.state.remembered_stack import RememberedStack, read_remembered
from fakes.setting import HOW, Setting

FIRST, SECOND = "bootstrap up test --set cluster.workers=1", "bootstrap up test"


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def session(setting: Setting, workers: int, command: str, **more: object) -> Session:
    whole = setting.session
    stack = dataclasses.replace(
        whole.stack, cluster=ClusterSpec(provider=whole.stack.cluster.provider, workers=workers)
    )
    values = (DeclaredValue(path="cluster.workers", value=workers, origin="--set" if workers else "default"),)
    return dataclasses.replace(whole, stack=stack, values=values, command=command, **more)  # type: ignore[arg-type] # fields


def bring_up(setting: Setting, session: Session, options: PlanOptions = PlanOptions()) -> int:  # noqa: B008 - frozen
    return up(session, options, HOW, emit=setting.events.append, cancel=setting.cancel).exit_code


def remembered(setting: Setting) -> RememberedStack:
    remembered = read_remembered(setting.session.state)
    assert remembered is not None
    return remembered


def made_once(setting: Setting) -> None:
    """What a provider writes while it makes its cluster."""
    assert bring_up(setting, session(setting, 1, FIRST)) == 0
    setting.session.state.kubeconfig.write_text("")


def test_the_first_run_is_remembered_before_anything_is_made(setting: Setting) -> None:
    setting.world.fail("cluster up")
    assert bring_up(setting, session(setting, 1, FIRST)) == 1
    assert (remembered(setting).stack.cluster.workers, remembered(setting).command) == (1, FIRST)


def test_a_cluster_that_stays_as_it_is_is_remembered_as_it_is(setting: Setting) -> None:
    made_once(setting)
    setting.world.cluster = TargetState.STOPPED
    setting.world.fail("cluster up", "refused without consent")
    assert bring_up(setting, session(setting, 0, SECOND)) == 1
    assert (remembered(setting).stack.cluster.workers, remembered(setting).command) == (1, FIRST)
    assert [value.value for value in remembered(setting).values] == [1]
    setting.world.failures.clear()
    assert bring_up(setting, session(setting, 0, SECOND)) == 0
    assert (remembered(setting).stack.cluster.workers, remembered(setting).command) == (0, SECOND)


def test_a_run_of_one_step_is_remembered_for_that_step(setting: Setting) -> None:
    made_once(setting)
    setting.world.cluster = TargetState.STOPPED
    assert bring_up(setting, session(setting, 2, SECOND), PlanOptions(only=("seeds",))) == 0
    assert (remembered(setting).stack.cluster.workers, remembered(setting).command) == (1, FIRST)
    assert bring_up(setting, session(setting, 2, SECOND), PlanOptions(only=("cluster",))) == 0
    assert (remembered(setting).stack.cluster.workers, remembered(setting).command) == (2, FIRST)


def test_what_brings_back_what_is_there_changes_no_memory(setting: Setting) -> None:
    made_once(setting)
    before = setting.session.state.remembered.read_bytes()
    setting.world.cluster = TargetState.STOPPED
    again = session(setting, 1, "", last_command=FIRST)
    assert revive(again, HOW, emit=setting.events.append, cancel=setting.cancel).exit_code == 0
    assert setting.session.state.remembered.read_bytes() == before


LACKING = ValueDifference(
    path="cluster.workers",
    before=DeclaredValue(path="cluster.workers", value=1, origin="--set"),
    now=DeclaredValue(path="cluster.workers", value=0, origin="default"),
)
OF_FILE = ValueDifference(path="seeds", before=None, now=DeclaredValue(path="seeds", value=[], origin="dev.yaml:1"))


def test_up_without_its_flags_ends_its_message_with_the_command_line_used_last(setting: Setting) -> None:
    made_once(setting)
    setting.events.clear()
    bring_up(setting, session(setting, 0, SECOND, differences=(LACKING,), last_command=FIRST))
    notes = [event.note.text for event in setting.events if isinstance(event, Noted)]
    assert notes[0] == (
        "flags of the last run are missing: cluster.workers: 1 (--set), now 0 (default). "
        f"The last command line: {FIRST}"
    )


def test_nothing_is_said_of_flags_where_something_else_changed_or_nothing_lives(setting: Setting) -> None:
    assert flags_missing(session(setting, 0, SECOND, differences=(LACKING,))) == ""
    made_once(setting)
    assert flags_missing(session(setting, 0, SECOND, differences=(LACKING, OF_FILE))) == ""
    assert flags_missing(session(setting, 0, SECOND)) == ""
    assert flags_missing(session(setting, 0, SECOND, differences=(LACKING,))).endswith("now 0 (default)")
