"""An `up` on kind that is killed at any moment: `down`, or `gc` when its time is over, leaves nothing of it."""

import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.docker.engine import connect
from bootstrap.model.labels import EXPIRES_LABEL, OWNER_LABEL, STACK_LABEL
from fakes.docker import require
from fakes.left_behind import ECHO, EMULATOR, KUBECONFIG, NODE, Project

pytestmark = pytest.mark.docker

MOMENTS = int(os.environ.get("BOOTSTRAP_KILL_MOMENTS", "4"))
LONGEST_SECONDS = float(os.environ.get("BOOTSTRAP_KILL_LONGEST", "25"))
SEED = int(os.environ.get("BOOTSTRAP_KILL_SEED", "1"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    require(NODE, EMULATOR, ECHO)
    new_project = Project(folder=tmp_path / "project", stack=f"rig-killed-{uuid.uuid4().hex[:8]}").write()
    yield new_project
    new_project.run("down", "--all")


@pytest.fixture
def strangers() -> Iterator[dict[str, str]]:
    """What has nothing to do with the stack, and what only looks as if it had; by kind, how it is now."""
    name = f"rig-stranger-{uuid.uuid4().hex[:8]}"
    marks = {STACK_LABEL: "other-0123456789", OWNER_LABEL: name, EXPIRES_LABEL: "2999-01-01T00:00:00+00:00"}
    client = connect(os.environ, seconds=60)
    try:
        network = client.networks.create(name, labels=marks)
        volume = client.volumes.create(name, labels={**marks, EXPIRES_LABEL: "soon"})
        container = client.containers.run(ECHO, name=name, network=name, detach=True, labels={OWNER_LABEL: name})
        yield {"network": str(network.id), "volume": str(volume.id), "container": str(container.id)}
    finally:
        container.remove(force=True)
        network.remove()
        volume.remove()
        client.close()


def moments() -> list[float]:
    """Spread over the whole of an `up`, each by chance within its part; the same ones for the same seed."""
    chance = random.Random(SEED)  # noqa: S311 - which moments, the same ones every time
    return [round((part + chance.random()) * LONGEST_SECONDS / MOMENTS, 2) for part in range(MOMENTS)]


def killed_up(project: Project, seconds: float) -> None:
    """Kill the command alone, as the system does when memory is short: what it started is on its own."""
    child = project.start("up", project.stack, "--name", "ci-1", "--ttl", "1s", "--ports", "auto")
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait(10)


def collect(project: Project) -> None:
    until = time.monotonic() + 60
    while project.state.exists():
        assert time.monotonic() < until, project.run("gc").output
        project.run("gc")


def take_down(project: Project) -> None:
    project.done("down", project.stack, "--name", "ci-1")


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_nothing_is_left_of_it_and_nothing_else_is_touched(
    project: Project, strangers: dict[str, str], moment: int
) -> None:
    seconds, end = moments()[moment], (take_down, collect)[moment % 2]
    print(f"killed after {seconds} s of {moments()} (seed {SEED}), then {end.__name__}")  # noqa: T201 - on failure
    killed_up(project, seconds)
    end(project)
    assert project.on_engine() == set()
    assert not project.state.exists()
    assert project.kubeconfig.read_text() == KUBECONFIG
    until = time.monotonic() + 15
    while left := project.processes():
        assert time.monotonic() < until, left
    client = connect(os.environ, seconds=60)
    try:
        assert client.networks.get(strangers["network"]).id == strangers["network"]
        assert client.volumes.get(strangers["volume"]).id == strangers["volume"]
        assert client.containers.get(strangers["container"]).status == "running"
    finally:
        client.close()
