"""How long a stack lives, what goes with it, and what stays when it is asked for."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError, Place, Problem, RefusedError
from bootstrap.model.event import Noted, RunFinished, StepFinished
from bootstrap.model.lease import Term
from bootstrap.model.observed import TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.state.lease import read_lease
from bootstrap.state.remembered_stack import remembered
from bootstrap.system.work import Work
from fakes.setting import HOW, Setting

TWO_HOURS = dataclasses.replace(HOW, term=Term(length=timedelta(hours=2)))
FOR_EVER = dataclasses.replace(HOW, term=Term(length=None))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    new_setting = Setting(tmp_path)
    new_setting.world.marked = True
    return new_setting


def details(setting: Setting) -> dict[str, str]:
    return {event.step: event.outcome.detail for event in setting.events if isinstance(event, StepFinished)}


def test_a_time_is_told_on_the_engine_before_it_is_remembered_here(setting: Setting) -> None:
    until = setting.clock.now() + timedelta(hours=2)
    seen: list[object] = []
    lease = f"lease {until.isoformat()}"

    class Watching(list[str]):
        def append(self, what: str) -> None:
            seen.append((what == lease) and read_lease(setting.session.state))
            super().append(what)

    setting.world.writes = Watching()
    setting.up(how=TWO_HOURS)
    current_lease = read_lease(setting.session.state)
    assert current_lease is not None
    assert (current_lease.expires, setting.world.writes[0], seen[0]) == (until, lease, None)
    last = setting.events[-1]
    assert isinstance(last, RunFinished)
    assert any(line.startswith("Expires ") for line in last.summary)


def test_an_unchanged_stack_keeps_its_time_and_a_second_one_extends_it(setting: Setting) -> None:
    setting.up(how=TWO_HOURS)
    first = read_lease(setting.session.state)
    setting.clock.advance(3600)
    setting.world.writes.clear()
    setting.up()
    assert (read_lease(setting.session.state), setting.world.writes) == (first, [])
    setting.up(how=TWO_HOURS)
    second = read_lease(setting.session.state)
    assert first is not None
    assert second is not None
    assert second.expires - first.expires == timedelta(hours=1)
    setting.up(how=FOR_EVER)
    assert read_lease(setting.session.state) is None
    assert setting.world.writes[-1] == "lease None"


def test_a_damaged_lease_is_refused_until_another_is_given(setting: Setting) -> None:
    setting.up(how=TWO_HOURS)
    setting.session.state.lease.write_text("{")
    with pytest.raises(RefusedError, match="is damaged"):
        setting.up()
    setting.up(how=TWO_HOURS)
    lease = read_lease(setting.session.state)
    assert lease is not None
    assert lease.expires == setting.clock.now() + timedelta(hours=2)


def test_brought_up_after_its_end_its_time_begins_again(setting: Setting) -> None:
    setting.up(how=TWO_HOURS)
    setting.clock.advance(3 * 3600)
    setting.up()
    lease = read_lease(setting.session.state)
    assert lease is not None
    assert lease.expires - setting.clock.now() == timedelta(hours=2)


def test_what_is_past_its_time_goes_before_anything_is_planned_and_is_told(setting: Setting) -> None:
    def collect(work: Work) -> None:
        assert work.cancel.remaining() is not None
        assert setting.world.writes == []
        work.notify("removed other-1: expired 5 min ago")

    setting.world.collect = collect
    setting.up()
    texts = [event.note.text for event in setting.events if isinstance(event, Noted)]
    assert texts[0] == "removed other-1: expired 5 min ago"


def test_a_stack_is_remembered_even_when_its_plan_cannot_be_made(setting: Setting) -> None:
    setting.world.repo = FluxRepo(problems=(Problem(place=Place(file="a.yaml"), text="is odd"),))
    with pytest.raises(InvalidError):
        setting.up(how=TWO_HOURS)
    stack = remembered(setting.session.state)
    assert stack is not None
    assert stack.name == "test"
    assert read_lease(setting.session.state) is not None
    assert not setting.session.state.provider.exists()


def test_down_takes_what_else_carries_the_mark(setting: Setting, tmp_path: Path) -> None:
    setting.up()
    setting.world.marks = ["a volume"]
    setting.down()
    assert setting.world.writes[-1] == "leftovers"
    assert details(setting)["leftovers"] == "removed a volume"
    assert list(tmp_path.iterdir()) == []


def test_kept_data_is_what_the_next_up_finds(setting: Setting) -> None:
    setting.up(how=TWO_HOURS)
    state = setting.session.state
    for name in ("emulator/contents", "seeds", "cluster", "logs"):
        (state.folder / name).mkdir(parents=True, exist_ok=True)
    (state.folder / "owner").touch()
    setting.down(keep_data=True)
    assert setting.world.writes[-2:] == ["emulator delete, data kept", "leftovers, data kept"]
    left = {path.name for path in state.folder.iterdir()}
    assert left == {"emulator", "seeds", "owner", "provider", "stack.json", "lease.json", "lock"}
    assert details(setting)["emulator"] == "removed, kept: its data in memory"
    assert details(setting)["state"].startswith("kept: the record of the emulator's data, generated secrets in ")
    setting.world.writes.clear()
    assert setting.up().exit_code == 0
    assert setting.world.cluster is TargetState.RUNNING
    setting.down()
    assert not state.folder.exists()


def test_where_there_is_nothing_to_keep_nothing_is(setting: Setting, tmp_path: Path) -> None:
    setting.up()
    setting.down(keep_data=True)
    assert details(setting)["state"] == "removed"
    assert list(tmp_path.iterdir()) == []
