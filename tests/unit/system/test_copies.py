"""Copies are the same files, zeros as holes; an exchange ends the same wherever it was cut off."""

import os
import socket
from pathlib import Path

import pytest

from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.copies import (
    copy_folder,
    exchange,
    remove_copies,
    replaced,
    staged,
    used_bytes,
    write_sparsely,
)

CANCEL = CancelToken(SystemClock())
SIZE = 4 << 20


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "empty").mkdir(parents=True)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_bytes(b"x" * 300_000)
    (folder / "zeros").write_bytes(b"\0" * SIZE + b"end")
    (folder / "hole").touch()
    os.truncate(folder / "hole", SIZE)
    (folder / "link").symlink_to("zeros")
    (folder / "key").write_text("secret")
    (folder / "key").chmod(0o600)
    (folder / "left-out").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        # A relative name: an absolute one may be too long for a socket.
        before = Path.cwd()
        os.chdir(folder)
        listener.bind("socket")
        os.chdir(before)
    return folder


def test_a_copy_is_the_same_without_the_zeros(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_folder(source, copy, CANCEL, without=frozenset({"left-out"}))
    assert content(copy) == content(source)
    assert {entry.name for entry in copy.iterdir()} == {"deep", "empty", "zeros", "hole", "link", "key"}
    assert (copy / "link").readlink() == Path("zeros")
    assert (copy / "key").stat().st_mode & 0o777 == 0o600
    assert used_bytes(copy) < SIZE


def test_pieces_are_written_without_the_zeros(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_sparsely(file, [b"a", b"\0" * SIZE, b"", b"b", b"\0\0"], 0o600, CANCEL)
    assert file.read_bytes() == b"a" + b"\0" * SIZE + b"b\0\0"
    assert file.stat().st_mode & 0o777 == 0o600
    assert used_bytes(tmp_path) < SIZE


@pytest.mark.parametrize("cut_off", ["before", "between", "between, then begun again", "after"])
def test_an_exchange_ends_the_same_wherever_it_was_cut_off(tmp_path: Path, cut_off: str) -> None:
    live = tmp_path / "data"
    for folder, text in ((live, "old"), (staged(live), "new")):
        folder.mkdir()
        (folder / "file").write_text(text)
    if cut_off.startswith("between"):
        live.rename(replaced(live))
    if cut_off.endswith("again"):
        live.mkdir()
        (live / "other").touch()
    if cut_off == "after":
        exchange(live)
    exchange(live)
    assert content(live) == {"file": b"new"}
    assert content(replaced(live)) == {"file": b"old"}
    remove_copies(live)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_nothing_was_there_before(tmp_path: Path) -> None:
    staged(tmp_path / "data").mkdir()
    exchange(tmp_path / "data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]
