"""A log of any size is read from its end, and only logs of the stack can be named."""

import asyncio
import json
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.model.stack import StatePaths
from bootstrap.ui.logs import followed, logs_of, named_log, read_log_on


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    state = StatePaths(folder=tmp_path / "dev-1")
    state.logs.mkdir(parents=True)
    return state


def test_a_log_of_100_mb_is_not_read_whole(state: StatePaths) -> None:
    file = state.logs / "big.log"
    with file.open("wb") as stream:
        stream.truncate(100 << 20)
        stream.seek(0, 2)
        stream.write(b"\nthe end\n")
    piece = read_log_on(file, None)
    assert piece is not None
    assert len(piece.text) <= 1 << 16
    assert piece.text.endswith("\nthe end\n")
    assert piece.left_out + len(piece.text) == piece.end == file.stat().st_size
    assert read_log_on(file, piece.end) is None


def test_a_reader_that_is_far_behind_misses_what_is_between(state: StatePaths) -> None:
    file = state.logs / "fast.log"
    file.write_bytes(b"a line of a log\n" * 200_000)
    piece = read_log_on(file, 16)
    assert piece is not None
    assert piece.left_out == file.stat().st_size - (1 << 16) - 16


def test_a_log_that_begins_again_is_read_again(state: StatePaths) -> None:
    file = state.logs / "new.log"
    file.write_text("one\n")
    piece = read_log_on(file, 4000)
    assert piece is not None
    assert (piece.text, piece.end) == ("one\n", 4)
    file.unlink()
    assert read_log_on(file, 4) is None


def test_what_is_added_is_followed_without_secrets(state: StatePaths) -> None:
    file, asked = state.logs / "up.log", iter([False] * 3 + [True] * 10)
    file.write_text("password is hunter22\n")

    async def read() -> list[bytes]:
        mask = lambda text: text.replace("hunter22", "***")  # noqa: E731 - what a masker does
        return [part async for part in followed(file, None, mask, lambda: next(asked), pause=0)]

    (message,) = asyncio.run(read())
    lines = message.decode().splitlines()
    assert lines[:2] == ["id: 21", "event: log"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"text": "password is ***\n", "left_out": 0}


@pytest.mark.parametrize("name", ["", "../secret.log", "/etc/passwd", "logs/../../secret.log", "kubeconfig", "logs"])
def test_no_other_file_can_be_named(state: StatePaths, name: str) -> None:
    (state.folder.parent / "secret.log").write_text("secret")
    (state.folder / "kubeconfig").write_text("secret")
    (state.logs / "up.log").write_text("")
    with pytest.raises(UsageError):
        named_log(name, state)
    assert [each["log"] for each in logs_of(state)] == ["logs/up.log"]
    assert named_log("logs/up.log", state) == state.logs / "up.log"
