import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.kwok.component_processes import MARK, Children, marked_processes
from bootstrap.clusters.kwok.components import Component
from bootstrap.clusters.kwok.layout import Layout
from bootstrap.errors import StepFailedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import ProcessIdentity
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses

PROGRAMS = {component: Path("/programs") / component for component in Component}


class Stage:
    """Children whose processes are made up."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(state=StatePaths(folder=folder))
        self.layout.folder.mkdir()
        self.processes = FakeProcesses()
        self.children = Children(self.layout, self.processes, self.find)

    def find(self, folder: str) -> Iterator[tuple[str, ProcessIdentity]]:
        assert folder == str(self.layout.folder)
        for identity in self.processes.living.values():
            yield identity.program, identity

    def die(self, component: Component) -> None:
        pid = next(pid for pid, identity in self.processes.living.items() if identity.program == component)
        del self.processes.living[pid]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_only_what_does_not_run_is_started(stage: Stage) -> None:
    stage.children.ensure(PROGRAMS, 20001)
    stage.die(Component.SCHEDULER)
    stage.children.ensure(PROGRAMS, 20001)
    started = [Path(command.argv[0]).name for command in stage.processes.commands]
    assert started == [*Component, Component.SCHEDULER]


def test_a_child_gets_nothing_of_our_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    stage.children.ensure({Component.ETCD: PROGRAMS[Component.ETCD]}, 20001)
    (command,) = stage.processes.commands
    temporary = str(stage.layout.folder / "tmp")
    assert command.env == {
        "PATH": "/usr/bin:/bin",
        "HOME": temporary,
        "TMPDIR": temporary,
        MARK: f"etcd@{stage.layout.folder}",
        "GOGC": "400",
        "GOMEMLIMIT": "2GiB",
    }
    assert command.cwd == stage.layout.folder


def test_stale_sockets_go_before_etcd_starts_and_stay_while_it_runs(stage: Stage) -> None:
    sockets = [stage.layout.folder / name for name in ("e:1", "e:2")]
    for file in sockets:
        file.touch()
    stage.children.ensure(PROGRAMS, 20001)
    assert not any(file.exists() for file in sockets)
    for file in sockets:
        file.touch()
    stage.children.ensure(PROGRAMS, 20001)
    assert all(file.exists() for file in sockets)


def test_a_dead_one_is_told_with_its_last_words(stage: Stage) -> None:
    stage.children.ensure(PROGRAMS, 20001)
    stage.children.check()
    log = stage.layout.log(Component.KWOK)
    log.parent.mkdir(exist_ok=True)
    log.write_text("beginning\nError: no matches for kind\n")
    stage.die(Component.KWOK)
    with pytest.raises(StepFailedError, match="kwok of the cluster has ended") as caught:
        stage.children.check()
    assert caught.value.evidence == ("Error: no matches for kind",)
    assert caught.value.command is not None
    assert caught.value.command.startswith(f"cd {stage.layout.folder} && /programs/kwok --kubeconfig=")
    assert caught.value.log == str(log)


def test_one_that_ran_before_is_watched_too(stage: Stage) -> None:
    stage.children.ensure(PROGRAMS, 20001)
    later = Children(stage.layout, stage.processes, stage.find)
    later.ensure(PROGRAMS, 20001)
    stage.die(Component.ETCD)
    with pytest.raises(StepFailedError, match="etcd of the cluster has ended"):
        later.check()


def test_all_are_checked_by_whoever_started_none(stage: Stage) -> None:
    stage.children.ensure(PROGRAMS, 20001)
    later = Children(stage.layout, stage.processes, stage.find)
    later.check_all()
    stage.die(Component.CONTROLLERS)
    with pytest.raises(StepFailedError, match="kube-controller-manager of the cluster has ended"):
        later.check_all()


def test_they_stop_in_the_order_in_which_none_misses_another(stage: Stage) -> None:
    stage.children.ensure(PROGRAMS, 20001)
    stage.children.stop(CancelToken(FakeClock()))
    assert stage.processes.stopped == [(name, signal.SIGTERM) for name in reversed(Component)]
    stage.children.check()


def test_a_long_log_makes_room(stage: Stage) -> None:
    log = stage.layout.log(Component.ETCD)
    log.parent.mkdir()
    with log.open("wb") as stream:
        stream.truncate(9 << 20)
    stage.children.ensure(PROGRAMS, 20001)
    assert not log.exists()
    assert log.with_suffix(".log.1").stat().st_size == 9 << 20
    assert log.with_suffix(".log.1") in stage.layout.logs


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {MARK: f"etcd@{tmp_path}"}
    with subprocess.Popen(("/bin/sleep", "60"), env=environment) as child:
        while not Path(f"/proc/{child.pid}/environ").read_bytes():
            os.sched_yield()  # it has begun, and its variables are not in place yet
        yield child
        child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_marked_process_is_found_by_its_folder_alone(marked: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    ((component, identity),) = marked_processes(str(tmp_path))
    assert (component, identity.pid) == ("etcd", marked.pid)
    assert marked_processes(str(tmp_path.parent)) == []
    marked.kill()
    marked.wait()
    assert marked_processes(str(tmp_path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_program_of_the_same_name_is_not_ours(tmp_path: Path) -> None:
    program = tmp_path / "etcd"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen((str(program), "60"), cwd=tmp_path, env={"PATH": os.defpath}) as child:
        assert marked_processes(str(tmp_path)) == []
        child.kill()
