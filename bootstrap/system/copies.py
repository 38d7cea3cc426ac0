"""Copies of folders, and the exchange of a folder for its copy: both can be cut off at any moment and done again."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder

_FICLONE = 0x40049409
"""`FICLONE` of linux/fs.h: both files share their blocks until one of them is written to."""
_PIECE = 256 << 10


def copy_folder(source: Path, target: Path, cancel: CancelToken, *, without: frozenset[str] = frozenset()) -> None:
    """Copy all files of `source` into `target`, which is created: cheaply where the file system shares blocks.

    `without`: names directly in `source` that are left out. Zeros become holes; sockets are not copied; times are those
    of the copy.

    Raises:
        OSError: the disk is full, or a file cannot be read.
    """
    private_folder(target)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        if entry.name in without:
            continue
        cancel.check()
        copied = target / entry.name
        if entry.is_symlink():
            copied.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            copy_folder(Path(entry.path), copied, cancel)
        elif entry.is_file():
            copy_file(Path(entry.path), copied, cancel)


def copy_file(source: Path, target: Path, cancel: CancelToken) -> None:
    """Copy one file; others than the owner cannot read the copy."""
    with source.open("rb") as read, target.open("xb") as write:
        os.fchmod(write.fileno(), os.fstat(read.fileno()).st_mode & 0o700)
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:  # another file system, or one that shares no blocks
            _copy_data(read.fileno(), write.fileno(), cancel)


def _copy_data(read: int, write: int, cancel: CancelToken) -> None:
    size, at = os.fstat(read).st_size, 0
    os.ftruncate(write, size)
    while at < size:
        try:
            begin = os.lseek(read, at, os.SEEK_DATA)
        except OSError:  # a hole up to the end
            return
        at = os.lseek(read, begin, os.SEEK_HOLE)
        while begin < at:
            cancel.check()
            piece = os.pread(read, min(_PIECE, at - begin), begin)
            if not piece:
                return
            if not _is_zero(piece):
                _write_at(write, piece, begin)
            begin += len(piece)


def write_sparsely(target: Path, pieces: Iterable[bytes], mode: int, cancel: CancelToken) -> None:
    """Write a new file of these pieces; those of zeros become holes."""
    with target.open("xb") as stream:
        os.fchmod(stream.fileno(), mode)
        at = 0
        for piece in pieces:
            cancel.check()
            if not _is_zero(piece):
                _write_at(stream.fileno(), piece, at)
            at += len(piece)
        os.ftruncate(stream.fileno(), at)


def _is_zero(piece: bytes) -> bool:
    return piece.count(0) == len(piece)


def _write_at(descriptor: int, piece: bytes, at: int) -> None:
    rest = memoryview(piece)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        rest, at = rest[written:], at + written


def used_bytes(folder: Path) -> int:
    """The space that the files of a folder take on their disk; 0: there is none."""
    used = 0
    for parent, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                used += (Path(parent) / name).lstat().st_blocks * 512
    return used


def staged(live: Path) -> Path:
    """Where the copy of a folder waits that will become `live`; on the same disk."""
    return live.with_name(f".{live.name}.staged")


def replaced(live: Path) -> Path:
    """Where the folder goes that the copy has replaced."""
    return live.with_name(f".{live.name}.replaced")


def exchange(live: Path) -> None:
    """Let the staged copy become `live`, and keep what was there as `replaced`; nothing if it was done before."""
    if not staged(live).exists():
        return
    if live.exists() and replaced(live).exists():
        # Cut off between the two renames, and something made a new folder meanwhile.
        shutil.rmtree(live)
    elif live.exists():
        live.rename(replaced(live))
    staged(live).rename(live)


def remove_copies(live: Path) -> None:
    """Remove what `exchange` and its preparation leave beside `live`."""
    for folder in (staged(live), replaced(live)):
        if folder.exists():
            shutil.rmtree(folder)
