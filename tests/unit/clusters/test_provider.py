"""What the provider decides without a single real program."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.kwok.component_processes import MARK
from bootstrap.clusters.kwok.components import Component
from bootstrap.clusters.kwok.layout import Layout, Record, read_record, write_record
from bootstrap.clusters.kwok.observe import is_version
from bootstrap.clusters.kwok.provider import KwokProvider
from bootstrap.errors import CancelledError, RefusedError, StepFailedError
from bootstrap.model.observed import TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import ClusterSpec, StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses
from fakes.programs import GivenPrograms

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the embedded cluster runs on Linux only")

PROGRAMS = GivenPrograms(
    paths={str(component): Path("/programs") / component for component in Component},
    versions={"kube-apiserver": "1.34.4"},
)


class Room:
    """One provider over processes that never start."""

    def __init__(self, folder: Path, spec: ClusterSpec | None = None, *, adopt: bool = False) -> None:
        self.state = StatePaths(folder=folder / "state")
        self.layout = Layout(state=self.state)
        self.processes = FakeProcesses()
        clock = FakeClock()
        self.token = CancelToken(clock)
        self.provider = KwokProvider(
            "dev", spec or ClusterSpec(), self.state, PROGRAMS, self.processes, clock, adopt=adopt
        )

    def observe(self) -> tuple[TargetState, str]:
        observed = self.provider.observe(self.token)
        return observed.state, observed.detail

    def up(self) -> None:
        self.provider.up(Work(self.token, lambda _text: None))

    def remember(self, record: Record) -> None:
        self.layout.folder.mkdir(parents=True)
        write_record(self.layout, record)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def etcd_alone(room: Room) -> Iterator[None]:
    with subprocess.Popen(("/bin/sleep", "60"), env={MARK: f"etcd@{room.layout.folder}"}) as child:
        yield
        child.kill()


def test_nothing_is_absent_and_looking_leaves_no_trace(room: Room) -> None:
    assert room.observe() == (TargetState.ABSENT, "")
    assert not room.state.folder.exists()


def test_a_folder_without_a_record_is_half_made(room: Room) -> None:
    room.layout.folder.mkdir(parents=True)
    assert room.observe() == (TargetState.BROKEN, "its creation was interrupted")


def test_a_record_without_processes_is_stopped(room: Room) -> None:
    room.remember(Record(port=20001, kubernetes="1.34.4", uid="u"))
    assert room.observe() == (TargetState.STOPPED, "its processes have ended, its data is kept")


@pytest.mark.usefixtures("etcd_alone")
def test_the_first_dead_component_is_named_with_its_last_word(room: Room) -> None:
    room.remember(Record(port=20001, kubernetes="1.34.4", uid="u"))
    room.state.logs.mkdir()
    room.layout.log(Component.API_SERVER).write_text("Error: no space left\n")
    assert room.observe() == (
        TargetState.BROKEN,
        "kube-apiserver is not running; its log ends with: Error: no space left",
    )


@pytest.mark.usefixtures("etcd_alone")
def test_processes_without_files_are_seen(room: Room) -> None:
    assert room.observe() == (TargetState.BROKEN, "its files are gone, but its processes are running")


def test_a_damaged_record_proves_nothing_and_can_be_deleted(room: Room) -> None:
    room.layout.folder.mkdir(parents=True)
    room.layout.record.write_text("{")
    state, detail = room.observe()
    assert state is TargetState.UNVERIFIED
    assert "is damaged" in detail
    room.provider.delete(Work(room.token, lambda _text: None))
    assert room.observe() == (TargetState.ABSENT, "")


def test_a_cancelled_run_does_not_even_look(room: Room) -> None:
    room.token.cancel("stop")
    with pytest.raises(CancelledError, match="stop"):
        room.observe()


def test_another_version_than_the_programs_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    room = Room(tmp_path, ClusterSpec(kubernetes="1.33"))
    with pytest.raises(RefusedError, match=r"1\.33 is declared, the embedded control plane is 1\.34\.4") as caught:
        room.up()
    assert caught.value.fix == 'set cluster.kubernetes to "1.34", or use provider kind or k3d'
    assert not room.state.folder.exists()


def test_elsewhere_than_on_linux_it_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(RefusedError, match="Linux only"):
        room.up()


def test_two_at_once_do_not_meet(room: Room) -> None:
    with hold(room.layout.lock, "the first"), pytest.raises(RefusedError, match=f"pid {os.getpid()}, the first"):
        room.up()
    assert room.processes.commands == []


def test_a_component_that_ends_ends_the_wait_at_once(room: Room) -> None:
    def vanish(command: object, log: Path) -> object:
        del log
        identity = FakeProcesses.spawn(room.processes, command, Path())  # type: ignore[arg-type] # as it was given
        room.processes.living.clear()
        return identity

    room.processes.spawn = vanish  # type: ignore[assignment,method-assign] # every program ends as it begins
    with pytest.raises(StepFailedError, match="etcd of the cluster has ended"):
        room.up()
    assert [Path(command.argv[0]).name for command in room.processes.commands] == ["etcd", "kube-apiserver"]


def test_an_interrupted_creation_begins_again_with_nothing_of_it(room: Room) -> None:
    room.layout.pki.mkdir(parents=True)
    (room.layout.pki / "half").touch()
    room.processes.spawn = _refuse  # type: ignore[method-assign,assignment] # it shall come no further
    with pytest.raises(RefusedError, match="as told"):
        room.up()
    assert not (room.layout.pki / "half").exists()
    assert room.layout.pki.is_dir()


@pytest.mark.parametrize("record", [None, "{"])
def test_data_without_a_record_is_refused_until_it_is_adopted(tmp_path: Path, record: str | None) -> None:
    room = Room(tmp_path)
    _with_data(room, record)
    assert room.observe()[0] is TargetState.UNVERIFIED
    for act in (room.provider.up, room.provider.start):
        with pytest.raises(RefusedError, match="cannot be proven") as refused:
            act(Work(room.token, lambda _text: None))
        assert "bootstrap up --adopt" in str(refused.value.fix)
    assert (room.layout.etcd / "data").exists()
    adopting = Room(tmp_path, adopt=True)
    adopting.processes.spawn = _refuse  # type: ignore[method-assign,assignment] # it shall come no further
    assert adopting.observe()[0] is TargetState.BROKEN
    with pytest.raises(RefusedError, match="as told"):
        adopting.up()
    assert (room.layout.etcd / "data").exists()
    assert read_record(room.layout) == Record(port=20001, kubernetes="1.34.4")


def _with_data(room: Room, record: str | None) -> None:
    room.layout.etcd.mkdir(parents=True)
    (room.layout.etcd / "data").touch()
    (room.layout.folder / "kwok.kubeconfig").write_text('{"server": "https://127.0.0.1:20001"}')
    if record is not None:
        room.layout.record.write_text(record)


def test_data_of_another_minor_version_is_replaced_by_consent_alone(room: Room) -> None:
    room.remember(Record(port=20001, kubernetes="1.33.9", uid="u"))
    room.layout.etcd.mkdir()
    seen = room.provider.observe(room.token)
    assert seen.replacement is not None
    assert seen.replacement.reasons == ("cluster.kubernetes: 1.33.9 → 1.34",)
    room.processes.spawn = _refuse  # type: ignore[method-assign,assignment] # it shall come no further
    with pytest.raises(ReplacementNeededError, match=r"cluster\.kubernetes: 1\.33\.9 → 1\.34"):
        room.up()
    assert room.layout.etcd.exists()
    with pytest.raises(StepFailedError, match="the cluster is gone, and could not be created again: as told") as gone:
        room.provider.replace(Work(room.token, lambda _text: None))
    assert "kept: the emulator and its data" in gone.value.evidence[-1]
    assert not room.layout.etcd.exists()


def test_a_replacement_whose_programs_are_not_here_deletes_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path, ClusterSpec(kubernetes="1.35"))
    room.remember(Record(port=20001, kubernetes="1.34.4", uid="u"))
    room.layout.etcd.mkdir()
    with pytest.raises(RefusedError, match=r"1\.35 is declared"):
        room.provider.replace(Work(room.token, lambda _text: None))
    assert room.layout.etcd.exists()


def test_start_creates_nothing(room: Room) -> None:
    with pytest.raises(RefusedError, match="there is no cluster to start: not found") as refused:
        room.provider.start(Work(room.token, lambda _text: None))
    assert "bootstrap up" in str(refused.value.fix)
    assert not room.state.folder.exists()


def test_data_of_another_patch_version_is_kept(room: Room) -> None:
    room.remember(Record(port=20001, kubernetes="1.34.1", uid="u"))
    room.layout.etcd.mkdir()
    room.processes.spawn = _refuse  # type: ignore[method-assign,assignment] # it shall come no further
    with pytest.raises(RefusedError, match="as told"):
        room.up()
    assert room.layout.etcd.exists()


def test_what_an_interrupted_delete_leaves_is_not_taken_for_data(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path) -> None:
        raise KeyboardInterrupt(folder)

    room.remember(Record(port=20001, kubernetes="1.34.4", uid="u"))
    room.layout.etcd.mkdir()
    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        room.provider.delete(Work(room.token, lambda _text: None))
    assert room.observe() == (TargetState.BROKEN, "its removal was interrupted")
    with pytest.raises(KeyboardInterrupt):
        room.up()
    assert room.observe() == (TargetState.BROKEN, "its removal was interrupted")


def _refuse(command: object, log: Path) -> object:
    del command, log
    raise RefusedError("as told")


def test_a_folder_that_cannot_be_written_is_told(room: Room) -> None:
    room.state.folder.parent.mkdir(exist_ok=True)
    room.state.folder.write_text("a file where the folder should be")
    with pytest.raises(StepFailedError, match="cannot write") as caught:
        room.up()
    assert str(room.state.folder) in caught.value.what


@pytest.mark.parametrize(
    ("version", "constraint", "fits"),
    [("1.34.4", "1.34", True), ("1.34.4", "v1.34.4", True), ("1.34.4", "1.3", False), ("1.34.4", "1.34.5", False)],
)
def test_a_version_fits_what_asks_for_it(version: str, constraint: str, *, fits: bool) -> None:
    assert is_version(version, constraint) is fits
