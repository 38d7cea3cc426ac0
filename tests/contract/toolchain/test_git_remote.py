"""The remote of a work tree, asked with the real git."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

from bootstrap.kube.repository_reader import own_remote
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses

REMOTE = "https://git.example.com/us/platform.git"


def remote(tree: Path) -> str | None:
    return own_remote(tree, SystemProcesses(SystemClock()), CancelToken(SystemClock()))


@pytest.mark.skipif(which("git") is None, reason="git is not on PATH")
def test_a_tree_of_another_user_has_its_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remote(tmp_path) is None
    for words in (("init", "-q"), ("remote", "add", "origin", REMOTE)):
        subprocess.run(("git", "-C", str(tmp_path), *words), check=True)
    assert remote(tmp_path) == REMOTE
    # git's own tests have a switch for what nobody but root could set up.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert remote(tmp_path) == REMOTE
