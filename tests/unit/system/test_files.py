import os
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.stack import StatePaths
from bootstrap.state.logs import find_log, last_lines, log_files
from bootstrap.system.filelock import hold
from bootstrap.system.files import private_folder, write_whole


def test_a_file_is_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b"
    write_whole(file, b"one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "b"
    write_whole(file, b"one")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"two")
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "s" / "lock"
    with (
        hold(file, "bootstrap up dev"),
        pytest.raises(RefusedError, match=r"pid \d+, bootstrap up dev"),
        hold(file, "bootstrap down"),
    ):
        raise AssertionError
    with hold(file, "bootstrap down"):
        pass


def test_a_lock_whose_holder_has_not_signed_yet_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with hold(file, "bootstrap up"):
        file.write_text("")
        with pytest.raises(RefusedError, match="a run that is starting"), hold(file, "bootstrap up"):
            raise AssertionError


def test_a_lock_that_was_removed_while_held_locks_nobody_out(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with hold(file, "bootstrap down"):
        file.unlink()
        with hold(file, "bootstrap up"):
            assert file.exists()


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    for number, name in enumerate(["up-20260102-030405.log", "kube-apiserver.log", "down-20260102-030406.log"]):
        file = tmp_path / "logs" / name
        write_whole(file, f"{name} 1\n{name} 2\n".encode())
        os.utime(file, (number, number))
    return StatePaths(folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [(None, "down-20260102-030406"), ("up", "up-20260102-030405"), ("kube-apiserver", "kube-apiserver")],
)
def test_logs_are_found_by_program_or_verb(state: StatePaths, name: str | None, file: str) -> None:
    assert find_log(state, name).stem == file


def test_logs_that_are_not_there_are_told(state: StatePaths, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no log of etcd") as raised:
        find_log(state, "etcd")
    assert raised.value.fix == "one of: down, kube-apiserver, up"
    with pytest.raises(RefusedError, match="there is no log"):
        find_log(StatePaths(folder=tmp_path / "nowhere"), None)


def test_the_last_lines_of_a_log(state: StatePaths) -> None:
    file = find_log(state, "up")
    assert last_lines(file, 1) == "up-20260102-030405.log 2\n"
    assert last_lines(file, 0).count("\n") == 2
    assert log_files(state)[0].stem.startswith("down")


def test_every_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    path = private_folder(tmp_path / "a" / "b")
    assert [folder.stat().st_mode & 0o777 for folder in (path, path.parent)] == [0o700, 0o700]
    assert private_folder(path) == path
