import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.docker.engine import connect, engine_answers, far_host
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError
from bootstrap.model.stack import StatePaths
from fakes.docker_nodes import FakeEngine


@pytest.fixture
def left_over(tmp_path: Path) -> Iterator[Path]:
    """The socket file of an engine that was killed: it stays, and nobody listens."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    yield path
    # What was left open is told of here, not in whichever test the collector runs next.
    gc.collect()


@pytest.mark.parametrize("scheme", ["unix", "http+unix"])
def test_an_engine_that_was_killed_does_not_answer_and_leaves_nothing_open(left_over: Path, scheme: str) -> None:
    named = {"DOCKER_HOST": f"{scheme}://{left_over}"}
    assert engine_answers(named) is False
    with pytest.raises(ConnectionRefusedError):
        connect(named)


def test_a_stack_says_that_no_engine_answers(left_over: Path, tmp_path: Path) -> None:
    on_docker = StackOnDocker(StatePaths(folder=tmp_path / "dev-1"), {"DOCKER_HOST": f"unix://{left_over}"})
    with (
        pytest.raises(RefusedError, match="no Docker engine answers at unix"),
        on_docker.open(),
    ):
        pass
    assert engine_answers({"DOCKER_HOST": f"unix://{tmp_path / 'nothing'}"}) is False


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("unix:///run/user/1000/podman/podman.sock", None),
        ("npipe:////./pipe/docker_engine", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://localhost:2375", None),
        ("tcp://no-such-host.invalid:2375", None),
        ("tcp://192.0.2.1:2376", "192.0.2.1"),
        ("ssh://me@build.example", "build.example"),
    ],
)
def test_an_engine_of_another_machine_is_told_by_its_address(address: str, host: str | None) -> None:
    assert far_host({"DOCKER_HOST": address}) == host


def test_nothing_is_made_on_an_engine_of_another_machine(tmp_path: Path) -> None:
    on_docker = StackOnDocker(StatePaths(folder=tmp_path / "dev-1"), {"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    engine = FakeEngine()
    with pytest.raises(RefusedError, match=r"the Docker engine is on 192\.0\.2\.1: its ports") as caught:
        on_docker.ensure_network(engine)  # type: ignore[arg-type] # stands for the library's client
    assert "--provider kwok" in str(caught.value.fix)
    assert engine.nets == {}
