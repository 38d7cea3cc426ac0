"""A `seed import` that is killed at any moment: `gc`, or the next import, leaves no program and no file of it."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.state.orphans import SEED_IMPORT

pytestmark = pytest.mark.e2e

MOMENTS = int(os.environ.get("BOOTSTRAP_KILL_MOMENTS", "3"))
LONGEST_SECONDS = 6.0
SCRIPT = """#!/bin/bash
aws sqs create-queue --queue-name orders
sleep 1
aws s3 mb s3://crate
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "work" / "make.sh").write_text(SCRIPT)
    places = {"HOME": "home", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    yield {**os.environ, **{name: str(tmp_path / folder) for name, folder in places.items()}}
    assert of_folder(tmp_path) == []


def command(*arguments: str, environment: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "bootstrap", *arguments]
    return subprocess.Popen(
        argv, env=environment, cwd=folder / "work", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def killed_import(environment: dict[str, str], folder: Path, moment: int) -> None:
    chance = random.Random(moment)  # noqa: S311 - which moment, the same one every time
    child = command("seed", "import", "make.sh", environment=environment, folder=folder)
    try:
        child.communicate(timeout=0.5 + chance.random() * LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    if child.stdout is not None:
        child.stdout.close()


def of_folder(folder: Path) -> list[str]:
    """The programs whose home or working folder is below the folder."""
    names = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            home = next((entry for entry in variables if entry.startswith(b"HOME=")), b"")
            if home.startswith(b"HOME=" + os.fsencode(folder)):
                names.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return names


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_the_next_import_cleans_up_and_works(environment: dict[str, str], tmp_path: Path, moment: int) -> None:
    killed_import(environment, tmp_path, moment)
    again = command("seed", "import", "make.sh", "--into", "out", environment=environment, folder=tmp_path)
    printed, _ = again.communicate(timeout=240)
    assert again.returncode == 0, printed
    assert "2 resources in 2 files" in printed
    assert list((tmp_path / "state" / "bootstrap" / SEED_IMPORT).glob("running-scripts-*")) == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_gc_ends_what_it_left_running(environment: dict[str, str], tmp_path: Path, moment: int) -> None:
    killed_import(environment, tmp_path, moment + MOMENTS)
    collected = command("gc", environment=environment, folder=tmp_path)
    printed, _ = collected.communicate(timeout=120)
    # A socket that a stopped engine left is reported, and is no matter of this folder.
    assert collected.returncode == 0 or "no Docker engine answers" in printed, printed
    assert of_folder(tmp_path) == [], printed
