"""Processes whose stack is gone are found by where they live, and no others."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootstrap.state.orphans import leader_at_home, orphans

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not tell")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "bootstrap"
    (path / "kept-1" / "cluster" / "tmp").mkdir(parents=True)
    return path


@pytest.fixture
def at_home(root: Path) -> Iterator[dict[str, int]]:
    """Programs that wait, by the home they were given: pids."""
    link = root.parent.parent / "link"
    link.symlink_to(root)
    homes = {
        "kept": root / "kept-1" / "cluster" / "tmp",
        "gone": root / "gone-1" / "emulator" / "contents" / "tmp",
        "by a link": link / "gone-2" / "cluster" / "tmp",
        "the root": root,
        "elsewhere": root.parent / "gone-3",
    }
    with ExitStack() as stack:
        pids = {}
        for name, home in homes.items():
            command = (sys.executable, "-c", "print(flush=True); input()")
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            child = stack.enter_context(subprocess.Popen(command, env={"HOME": str(home)}, **pipes))  # type: ignore[call-overload]
            stack.callback(child.kill)
            child.stdout.readline()
            pids[name] = child.pid
        yield pids


def test_only_those_without_a_state_folder_are_found(root: Path, at_home: dict[str, int]) -> None:
    assert {orphan.pid for orphan in orphans(root)} == {at_home["gone"]}
    link = root.parent.parent / "link"
    assert {orphan.pid for orphan in orphans(link)} == {at_home["gone"], at_home["by a link"]}
    (process_identity,) = orphans(root)
    assert process_identity.program.startswith("python")
    assert process_identity.started


def test_the_leader_of_a_session_is_found_by_its_home_and_its_children_are_not(tmp_path: Path) -> None:
    home = tmp_path / "tmp"
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()']); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = (sys.executable, "-c", script)
    with subprocess.Popen(command, env={"HOME": str(home)}, start_new_session=True, **pipes) as child:  # type: ignore[call-overload]
        child.stdout.readline()
        leader = leader_at_home(home)
        assert leader is not None
        assert leader.pid == child.pid
        assert leader_at_home(tmp_path) is None
        child.communicate()
