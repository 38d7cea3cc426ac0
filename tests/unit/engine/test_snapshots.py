"""Snapshots over fakes: what is done in which order, and where a failure or a kill leaves the platform."""

import dataclasses
import json
from pathlib import Path

import pytest

from bootstrap.engine import snapshot
from bootstrap.engine.run import Report
from bootstrap.engine.session import PlanOptions
from bootstrap.engine.snapshot_keeper import SnapshotKeeper
from bootstrap.engine.status import read_status
from bootstrap.errors import BootstrapError, RefusedError, UsageError
from bootstrap.model.event import Noted, Status, StepFinished
from bootstrap.model.observed import TargetState
from bootstrap.model.snapshot import Changed, Phase, Unfinished, Verb
from bootstrap.model.step import StepId
from bootstrap.plan.teardown import STATE
from bootstrap.state.snapshot_file import export_snapshot
from bootstrap.state.snapshots import folder_of, mark_unfinished, read_manifest, read_unfinished, snapshot_names
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work
from fakes.setting import HOW, Setting

SAVE = ["cluster stop", "emulator stop", "cluster save", "emulator save", "cluster start", "emulator start"]
RESTORE = [
    *("cluster stage", "emulator stage", "cluster stop", "emulator stop"),
    *("cluster exchange", "emulator exchange", "cluster start", "emulator start"),
]


class Killed(BaseException):
    """As if the process were killed here: nothing after it happens."""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    new = Setting(tmp_path)
    assert new.up().exit_code == 0
    new.world.writes.clear()
    return new


def save(setting: Setting, name: str = "a", *, overwrite: bool = False) -> Report:
    return snapshot.save(
        setting.session, name, HOW, emit=setting.events.append, cancel=setting.cancel, overwrite=overwrite
    )


def restore(setting: Setting, name: str = "a") -> Report:
    return snapshot.restore(setting.session, name, HOW, emit=setting.events.append, cancel=setting.cancel)


def writes(setting: Setting) -> list[str]:
    """Cluster and emulator start at once: in either order."""
    made = list(setting.world.writes)
    setting.world.writes.clear()
    return [*made[:-2], *sorted(made[-2:])]


def error(setting: Setting) -> BootstrapError:
    ended = [event.outcome.error for event in setting.events if isinstance(event, StepFinished)]
    assert ended[-1] is not None
    return ended[-1]


def notes(setting: Setting) -> list[str]:
    return [event.note.text for event in setting.events if isinstance(event, Noted)]


def test_save_and_restore(setting: Setting) -> None:
    assert save(setting).exit_code == 0
    assert writes(setting) == SAVE
    manifest = read_manifest(setting.session.state, "a")
    assert (manifest.objects, manifest.resources) == (1, 1)
    setting.world.data.update(cluster="c2", emulator="e2")
    changed = snapshot.changes_since(setting.session, "a", setting.cancel)
    assert changed == (Changed(modified=("ConfigMap default/data",)), Changed(modified=("s3/data",)))
    assert restore(setting).exit_code == 0
    assert writes(setting) == RESTORE
    assert setting.world.data == {"cluster": "c1", "emulator": "e1"}
    assert snapshot.changes_since(setting.session, "a", setting.cancel) == (Changed(), Changed())
    assert read_unfinished(setting.session.state) is None


def test_what_could_not_be_restored_is_named(setting: Setting) -> None:
    save(setting)
    setting.world.unrestored = ("sqs/q: it was refused",)
    report = restore(setting)
    assert report.exit_code == 0
    (outcome,) = report.outcomes.values()
    assert outcome.detail.endswith("; not restored: sqs/q: it was refused")


@pytest.mark.parametrize("failing", ["cluster stop", "emulator stop", "cluster save", "emulator save"])
def test_a_save_that_fails_starts_everything_again(setting: Setting, failing: str) -> None:
    setting.world.fail(failing)
    assert save(setting).exit_code == 1
    assert writes(setting)[-2:] == ["cluster start", "emulator start"]
    assert snapshot_names(setting.session.state) == ()
    assert list(setting.session.state.snapshots.iterdir()) == []
    assert read_unfinished(setting.session.state) is None


@pytest.mark.parametrize("failing", ["cluster stage", "emulator stage", "cluster stop", "emulator stop"])
def test_a_restore_that_fails_early_changes_nothing(setting: Setting, failing: str) -> None:
    save(setting)
    setting.world.data["cluster"] = "c2"
    setting.world.fail(failing)
    assert restore(setting).exit_code == 1
    assert writes(setting)[-2:] == ["cluster start", "emulator start"]
    assert setting.world.data["cluster"] == "c2"
    assert read_unfinished(setting.session.state) is None


@pytest.mark.parametrize("failing", ["cluster exchange", "emulator exchange", "cluster start", "emulator start"])
def test_a_restore_that_fails_late_is_finished_by_the_next_up(setting: Setting, failing: str) -> None:
    save(setting)
    setting.world.data.update(cluster="c2", emulator="e2")
    setting.world.fail(failing)
    assert restore(setting).exit_code == 1
    assert error(setting).what == "the restore of snapshot a is not finished: it broke"
    assert error(setting).fix == f"finish it: {setting.session.up_command}"
    part = read_status(setting.session, setting.cancel).parts[0]
    assert (part.name, part.health.value) == ("snapshot/a", "not ready")
    assert part.detail == f"its restore was cut off; to finish or undo it: {setting.session.up_command}"
    setting.world.failures.clear()
    assert setting.up().exit_code == 0
    assert setting.world.data == {"cluster": "c1", "emulator": "e1"}
    assert "finished the restore of snapshot a, which was cut off" in notes(setting)
    assert read_unfinished(setting.session.state) is None


@pytest.mark.parametrize("phase", ["stop", "copy", "name", "start"])
def test_a_killed_save_is_undone(setting: Setting, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    killed_at(monkeypatch, phase)
    with pytest.raises(Killed):
        SnapshotKeeper(setting.session).save("a", Work(setting.cancel))
    monkeypatch.undo()
    assert not read_status(setting.session, setting.cancel).up
    assert setting.up().exit_code == 0
    assert setting.world.cluster is setting.world.emulator is TargetState.RUNNING
    # All of it was there already.
    assert snapshot_names(setting.session.state) == (("a",) if phase in {"name", "start"} else ())
    assert {entry.name for entry in setting.session.state.snapshots.iterdir()} <= {"a"}


def test_a_killed_replacement_keeps_one_of_the_two(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    save(setting)
    setting.world.data["cluster"] = "c2"
    rename = Path.rename

    def second_fails(path: Path, target: Path) -> Path:
        if path.name == ".saving-a":
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(Killed):
        SnapshotKeeper(setting.session).save("a", Work(setting.cancel), overwrite=True)
    monkeypatch.undo()
    assert setting.up().exit_code == 0
    assert (folder_of(setting.session.state, "a") / "cluster" / "data").read_text() == "c2"
    assert snapshot_names(setting.session.state) == ("a",)


@pytest.mark.parametrize("phase", ["stage", "stop", "exchange", "start", "refill", "clear"])
@pytest.mark.parametrize("next_verb", ["up", "restore"])
def test_a_killed_restore_is_undone_or_finished(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, phase: str, next_verb: str
) -> None:
    save(setting)
    setting.world.data.update(cluster="c2", emulator="e2")
    killed_at(monkeypatch, phase)
    with pytest.raises(Killed):
        SnapshotKeeper(setting.session).restore("a", Work(setting.cancel))
    monkeypatch.undo()
    assert (setting.up() if next_verb == "up" else restore(setting)).exit_code == 0
    before = phase in {"stage", "stop"} and next_verb == "up"
    assert setting.world.data == (
        {"cluster": "c2", "emulator": "e2"} if before else {"cluster": "c1", "emulator": "e1"}
    )
    assert read_unfinished(setting.session.state) is None
    assert setting.world.cluster is setting.world.emulator is TargetState.RUNNING


def killed_at(monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    passes = SnapshotKeeper._at

    def at(keeper: SnapshotKeeper, entered: str, work: Work) -> None:
        passes(keeper, entered, work)
        if entered == phase:
            # Nothing is undone any more either: the mark and the folders stay as they are.
            monkeypatch.setattr(SnapshotKeeper, "_start_again", lambda *_given: None)
            monkeypatch.setattr("bootstrap.engine.snapshot_keeper.shutil.rmtree", lambda *_given, **_how: None)
            monkeypatch.setattr("fakes.ports.FakeSavedPart.clear", lambda *_given: None)
            raise Killed

    monkeypatch.setattr(SnapshotKeeper, "_at", at)


def test_what_does_not_fit_stops_nothing(setting: Setting) -> None:
    save(setting)
    writes(setting)
    setting.world.kinds["cluster"] = "another"
    with pytest.raises(RefusedError, match="its cluster is fake"):
        restore(setting)
    setting.world.kinds.clear()
    (folder_of(setting.session.state, "a") / "cluster" / "data").write_text("longer")
    with pytest.raises(RefusedError, match="cluster/data is not as it was saved"):
        restore(setting)
    assert setting.world.writes == []


def test_a_full_disk_is_found_before_anything_stops(setting: Setting) -> None:
    setting.world.needed_bytes = 1 << 60
    with pytest.raises(RefusedError, match=r"too full: .* nothing was stopped"):
        save(setting)
    setting.world.needed_bytes = 0
    save(setting)
    writes(setting)
    file = folder_of(setting.session.state, "a") / "snapshot.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "size": 1 << 60}))
    with pytest.raises(RefusedError, match="too full"):
        restore(setting)
    assert setting.world.writes == []


def test_names_are_checked_and_kept(setting: Setting) -> None:
    save(setting)
    writes(setting)
    with pytest.raises(RefusedError, match="there is a snapshot a already"):
        save(setting)
    with pytest.raises(UsageError):
        save(setting, "../b")
    with pytest.raises(RefusedError, match="there is no snapshot b: there are a"):
        restore(setting, "b")
    assert setting.world.writes == []
    setting.world.data["cluster"] = "c2"
    assert save(setting, overwrite=True).exit_code == 0
    assert (folder_of(setting.session.state, "a") / "cluster" / "data").read_text() == "c2"


def test_a_part_that_keeps_nothing_is_refused_with_its_reason(setting: Setting) -> None:
    setting.world.unsaved = "emulator.persist is off"
    with pytest.raises(RefusedError, match=r"has no snapshots: emulator.persist is off"):
        save(setting)


def test_what_is_not_running_is_not_saved(setting: Setting) -> None:
    setting.world.emulator = TargetState.STOPPED
    with pytest.raises(RefusedError, match="the emulator of stack test is not running"):
        save(setting)
    assert setting.world.writes == []


def test_two_at_once_are_kept_apart(setting: Setting) -> None:
    save(setting)
    with hold(setting.session.state.lock, "bootstrap up"), pytest.raises(RefusedError, match="another run changes"):
        restore(setting)


def test_rm(setting: Setting) -> None:
    save(setting)
    mark_unfinished(setting.session.state, Unfinished(verb=Verb.RESTORE, name="a", phase=Phase.AFTER))
    with pytest.raises(RefusedError, match="was cut off"):
        snapshot.remove(setting.session, "a", "bootstrap snapshot rm a")
    setting.session.state.unfinished.unlink()
    snapshot.remove(setting.session, "a", "bootstrap snapshot rm a")
    assert list(setting.session.state.snapshots.iterdir()) == []
    with pytest.raises(RefusedError, match="there is no snapshot a: there are none"):
        snapshot.remove(setting.session, "a", "bootstrap snapshot rm a")


def test_up_saves_a_snapshot_when_it_changed_something(setting: Setting) -> None:
    how = dataclasses.replace(HOW, snapshot=True)
    assert setting.up(how=how).outcomes[StepId("snapshot/after-up")].status is Status.DONE
    setting.world.data["cluster"] = "what a test did"
    assert "snapshot/after-up" not in setting.up(how=how).outcomes
    assert "snapshot/after-up" not in setting.up(PlanOptions(only=("seeds",)), how=how).outcomes
    setting.world.seed_changes = 1
    assert "snapshot/after-up" in setting.up(how=how).outcomes
    assert "snapshot/after-up" not in setting.up().outcomes


def test_reset_takes_that_one_or_the_only_one(setting: Setting) -> None:
    with pytest.raises(RefusedError, match="has no snapshot"):
        snapshot.reset_name(setting.session)
    save(setting)
    assert snapshot.reset_name(setting.session) == "a"
    save(setting, "b")
    with pytest.raises(RefusedError, match="and several others: a, b"):
        snapshot.reset_name(setting.session)
    save(setting, "after-up")
    assert snapshot.reset_name(setting.session) == "after-up"


def test_down_names_what_goes_with_the_stack(setting: Setting) -> None:
    save(setting)
    setting.down()
    ended = {event.step: event.outcome.detail for event in setting.events if isinstance(event, StepFinished)}
    assert ended[STATE] == "removed, with snapshots: a"
    with pytest.raises(RefusedError, match="is not up"):
        restore(setting)


def test_down_keeps_snapshots_with_the_data(setting: Setting) -> None:
    save(setting)
    setting.down(keep_data=True)
    assert snapshot_names(setting.session.state) == ("a",)


@pytest.mark.parametrize(
    ("phase", "placeable"),
    [
        *((phase, True) for phase in ("", "stage", "exchange")),
        *((phase, False) for phase in ("", "create", "stage", "stop", "exchange", "start")),
    ],
)
def test_an_up_begins_with_a_file(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, *, placeable: bool
) -> None:
    setting.world.placeable = placeable
    setting.world.data.update(cluster="c3", emulator="e3")
    save(setting)
    export_snapshot(setting.session.state, "a", tmp_path / "file", setting.cancel)
    setting.down()
    setting.world.data.update(cluster="", emulator="")
    how = dataclasses.replace(HOW, from_snapshot=tmp_path / "file")
    if phase:
        killed_at(monkeypatch, phase)
        with pytest.raises(Killed):
            setting.up(how=how)
        monkeypatch.undo()
    assert setting.up(how=how).exit_code == 0
    assert setting.world.data == {"cluster": "c3", "emulator": "e3"}
    assert read_unfinished(setting.session.state) is None
