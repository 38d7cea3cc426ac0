import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.docker.engine import connect, engine_answers
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError
from bootstrap.model.stack import StatePaths


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
