"""gc, status --all and down --all in process: results, errors and exit codes; nothing of Docker is named."""

import contextlib
import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap.model.lease import Lease
from bootstrap.model.stack import ClusterSpec, Provider, Stack, StatePaths
from bootstrap.state.lease import write_lease
from bootstrap.state.paths import state_folder
from bootstrap.state.remembered_stack import remember
from bootstrap.system.clock import SystemClock
from bootstrap.system.filelock import hold

if TYPE_CHECKING:
    from cli.conftest import Cli


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.docker.engine.is_pointed_at", lambda _environment: False)


def stack_folder(project: Path, name: str, instance: str = "", *, minutes: float | None = None) -> StatePaths:
    """A stack whose cluster is gone, with so many minutes left."""
    state = StatePaths(folder=state_folder(dict_of_environment()) / f"{name}-{instance or 'x'}-0123456789")
    spec = ClusterSpec(provider=Provider.KWOK)
    remember(Stack(name=name, instance=instance, file=None, project=project, cluster=spec, emulator=None), state)
    if minutes is not None:
        length = timedelta(minutes=minutes)
        write_lease(state, Lease(expires=SystemClock().now() + length, length=timedelta(hours=1)))
    return state


def dict_of_environment() -> dict[str, str]:
    import os  # noqa: PLC0415 - the one of the test, not of the import

    return dict(os.environ)


def test_gc_takes_only_what_is_past_its_time(cli: "Cli") -> None:
    assert cli("gc").out == "nothing has expired\n"
    over, left, always = (
        stack_folder(cli.folder, "a", "one", minutes=-5),
        stack_folder(cli.folder, "b", minutes=5),
        stack_folder(cli.folder, "c"),
    )
    assert cli("gc", "--dry-run").out == "would remove a-one-0123456789: expired 5 min ago\n"
    assert over.folder.exists()
    ended = cli("gc")
    assert (ended.code, ended.out) == (0, "removed a-one-0123456789: expired 5 min ago\n")
    assert [paths.folder.exists() for paths in (over, left, always)] == [False, True, True]


def test_gc_does_what_it_can_while_the_engine_is_stopped(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.docker.engine.is_pointed_at", lambda _environment: True)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{cli.folder}/left.sock")
    over = stack_folder(cli.folder, "a", minutes=-5)
    ended = cli("gc")
    first, second = ended.out.splitlines()
    assert first.startswith("stacks on the Docker engine were not looked at: ")
    assert (ended.code, second) == (0, "removed a-x-0123456789: expired 5 min ago")
    assert not over.folder.exists()


def test_gc_leaves_what_a_run_is_at_and_says_so(cli: "Cli") -> None:
    busy, over = stack_folder(cli.folder, "a", minutes=-1), stack_folder(cli.folder, "b", minutes=-1)
    with hold(busy.lock, "bootstrap up a"):
        ended = cli("gc", "--output", "json")
    assert ended.code == 1
    first, second = json.loads(ended.out)["stacks"]
    assert "another run changes this stack" in first["failure"]
    assert "bootstrap up a" in first["failure"]
    assert (second["id"], second["failure"]) == ("b-x-0123456789", "")
    assert (busy.folder.exists(), over.folder.exists()) == (True, False)


def test_gc_takes_what_a_killed_run_left_before_it_made_anything(cli: "Cli") -> None:
    state = StatePaths(folder=state_folder(dict_of_environment()) / "a-0123456789")
    state.logs.mkdir(parents=True)
    state.lock.touch()
    assert cli("gc").out == "removed a-0123456789: its run was killed before it created anything\n"
    assert not state.folder.parent.exists()


def test_gc_ends_what_runs_without_its_state_folder_before_it_can_write_there(cli: "Cli") -> None:
    folder = state_folder(dict_of_environment()) / "a-0123456789"
    program = (
        "import pathlib, signal, sys\n"
        "def end(*_): pathlib.Path(sys.argv[1]).mkdir(parents=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print(flush=True); signal.pause()"
    )
    home = str(folder / "cluster" / "tmp")
    words = [sys.executable, "-c", program, home]
    with contextlib.ExitStack() as stack:
        children = []
        # The second leads no group, as what an emulator starts for a function.
        for leads in (True, False):
            started = subprocess.Popen(words, env={"HOME": home}, stdout=subprocess.PIPE, start_new_session=leads)
            child = stack.enter_context(started)
            stack.callback(child.kill)
            assert child.stdout is not None
            child.stdout.readline()
            children.append(child)
        assert cli("gc", "--dry-run").out.count("its state folder is gone") == 2
        assert [child.poll() for child in children] == [None, None]
        ended = cli("gc")
        assert (ended.code, ended.out.count("its state folder is gone")) == (0, 2)
        assert [child.wait(10) for child in children] == [-signal.SIGKILL] * 2
    assert not folder.exists()


def test_status_all_lists_every_stack(cli: "Cli") -> None:
    assert cli("status", "--all").out == "no stacks\n"
    stack_folder(cli.folder, "a", "one", minutes=90.5)
    stack_folder(cli.folder / "elsewhere", "b")
    (state_folder(dict_of_environment()) / "odd").mkdir()
    ended = cli("status", "--all", "--output", "json")
    assert ended.code == 0
    stacks = json.loads(ended.out)["stacks"]
    assert [(stack["stack"], stack["name"], stack["state"]) for stack in stacks] == [
        ("a", "one", "absent"),
        ("b", "", "absent"),
        ("odd", "", "unknown"),
    ]
    assert 80 * 60 < stacks[0]["seconds_left"] <= 90.5 * 60
    assert "1h30m" in cli("status", "--all").out


def test_status_all_names_what_is_damaged_and_what_is_there(cli: "Cli") -> None:
    state = stack_folder(cli.folder, "a", "one")
    state.kubeconfig.write_text("")
    state.remembered.write_text('{"name": "a"')
    (killed := StatePaths(folder=state.folder.parent / "killed-0123456789")).logs.mkdir(parents=True)
    text = cli("status", "--all").out
    assert f"{state.remembered} is damaged: Expecting ',' delimiter" in text
    assert "; it has a cluster; in its project, bootstrap up writes the file again" in text
    assert "its run ended before anything was created; bootstrap gc deletes the folder" in text
    state.remembered.write_text("{}")
    assert f"{state.remembered} is damaged: it has no field 'name'" in cli("status", "--all").out
    state.remembered.unlink()
    assert f"{state.remembered} is missing; it has a cluster" in cli("status", "--all").out
    assert killed.folder.exists()


def test_down_ends_what_runs_without_its_state_folder_and_nothing_of_another_stack(cli: "Cli") -> None:
    cli.stack()
    program = (sys.executable, "-c", "print(flush=True); input()")
    with contextlib.ExitStack() as stack:
        children = []
        for folder in (cli.state.folder, cli.state.folder.with_name("other-0123456789")):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            home = {"HOME": str(folder / "emulator" / "tmp")}
            child = stack.enter_context(subprocess.Popen(program, env=home, start_new_session=True, **pipes))  # type: ignore[call-overload]
            stack.callback(child.kill)
            child.stdout.readline()
            children.append(child)
        assert "remove leftovers" in cli("down", "--dry-run").out
        ended = cli("down", "--progress", "plain")
        assert (ended.code, f"(pid {children[0].pid})" in ended.err) == (0, True)
        assert children[0].wait(10) == -signal.SIGKILL
        assert children[1].poll() is None


def test_down_all_takes_every_stack_of_this_project_and_none_of_another(cli: "Cli") -> None:
    assert "this project has no stacks on this machine" in cli("down", "--all").err
    ours = [stack_folder(cli.folder, "a"), stack_folder(cli.folder, "a", "one"), stack_folder(cli.folder, "b", "two")]
    other = stack_folder(cli.folder.parent, "c")
    assert cli("down", "--all", "--name", "one").code == 0
    assert [paths.folder.exists() for paths in ours] == [True, False, True]
    assert cli("down", "--all", "--progress", "plain").code == 0
    assert [paths.folder.exists() for paths in ours] == [False] * 3
    assert other.folder.exists()


def test_down_all_goes_on_after_one_that_cannot_go(cli: "Cli") -> None:
    busy, other = stack_folder(cli.folder, "a"), stack_folder(cli.folder, "b")
    with hold(busy.lock, "bootstrap up a"):
        ended = cli("down", "--all")
    assert ended.code == 4
    assert "another run changes this stack" in ended.err
    assert (busy.folder.exists(), other.folder.exists()) == (True, False)


@pytest.mark.parametrize("words", [("dev",), ("--set", "cluster.workers=1"), ("--provider", "kwok")])
def test_down_all_goes_with_no_stack(cli: "Cli", words: tuple[str, ...]) -> None:
    cli.stack()
    assert cli("down", "--all", *words).code == 2


def test_down_works_without_its_file_by_the_name_it_was_brought_up_by(cli: "Cli") -> None:
    state, named = stack_folder(cli.folder, "dev"), stack_folder(cli.folder, "dev", "one")
    assert cli("down", "other").code == 2
    assert cli("down", "--name", "two").code == 2
    assert cli("down", "--name", "one").code == 0
    assert (named.folder.exists(), state.folder.exists()) == (False, True)
    assert cli("down", "stacks/dev.yaml").code == 0
    assert not state.folder.exists()
    stack_folder(cli.folder / "below", "dev")
    assert cli("down", "dev").code == 2


def test_down_works_with_a_file_that_is_wrong_by_now(cli: "Cli") -> None:
    cli.stack("cluster: {provider: nonsense}")
    assert cli("down").code == 3
    state = stack_folder(cli.folder, "dev")
    assert cli("down", "--set", "nonsense=1").code == 3
    assert state.folder.exists()
    assert cli("down").code == 0
    assert not state.folder.exists()


@pytest.mark.parametrize("text", ["soon", "0h", "-1h", "2 h", ""])
def test_a_time_that_is_none_is_a_usage_error(cli: "Cli", text: str) -> None:
    cli.stack()
    ended = cli("up", f"--ttl={text}")
    assert ended.code == 2
    assert "--ttl 2h" in ended.err
    assert not (cli.folder.parent / "xdg state").exists()
