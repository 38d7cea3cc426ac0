"""A bundle as one file: a tar archive compressed by zstandard, whose first entry has the digest of every other one."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from bootstrap.errors import RefusedError
from bootstrap.model.bundle import FORMAT, BundleHead, head_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.compressed import open_zstd, zstd_error
from bootstrap.system.copies import write_sparsely
from bootstrap.system.files import private_folder

_HEAD = "bundle.json"
_PIECE = 1 << 20
_LONGEST_HEAD = 16 << 20
_LINK = "-> "
_MARGIN_BYTES = 64 << 20
_AGAIN = "create it again: bootstrap bundle create FILE"


def write_bundle(file: Path, folder: Path, head: BundleHead, cancel: CancelToken) -> None:
    """Write everything in `folder` into the file, whole or not at all: the same content gives the same bytes.

    Raises:
        OSError: the disk is full.
    """
    paths = sorted(_entries(folder))
    files = {str(path): _sum_of(folder / path, cancel) for path in paths}
    size = sum((folder / path).lstat().st_size for path in paths)
    text = json.dumps({**head.document(), "size": size, "files": files}, indent=1)
    partial = file.with_name(f".{file.name}.partial")
    try:
        with (
            partial.open("wb") as stream,
            open_zstd(stream, "wb") as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, _entry(_HEAD), io.BytesIO(text.encode()), len(text.encode()))
            for path in paths:
                _add_path(archive, folder, path, cancel)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def read_head(file: Path) -> BundleHead:
    """What the bundle says of itself; nothing else of it is read.

    Raises:
        RefusedError: it is not a bundle, or of another format.
    """
    with _opened(file) as archive:
        return _read_head(archive, file)[0]


def unpack_bundle(file: Path, folder: Path, cancel: CancelToken) -> BundleHead:
    """Write everything in the bundle into the empty `folder`, each file compared with its digest; its head.

    Raises:
        RefusedError: it is not a bundle, of another format, or damaged; or the disk is too full.
    """
    with _opened(file) as archive:
        head, document = _read_head(archive, file)
        _refuse_full(folder, int(document["size"]))
        files: Mapping[str, str] = document["files"]
        unpacked = dict(_unpacked(archive, folder, cancel))
        different = sorted(path for path in {*files, *unpacked} if files.get(path) != unpacked.get(path))
        if different:
            raise RefusedError(f"{file} is damaged: {different[0]} is missing or has another digest", fix=_AGAIN)
        return head


class _opened:  # noqa: N801 - used as a function
    """The archive, with every error of reading as one of ours."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> tarfile.TarFile:
        try:
            self._stream = self._file.open("rb")
        except OSError as error:
            raise RefusedError(f"{self._file} cannot be read: {error.strerror}", fix=_AGAIN) from error
        try:
            self._archive = tarfile.open(fileobj=open_zstd(self._stream, "rb"), mode="r|")
        except (tarfile.TarError, EOFError, OSError, zstd_error()) as error:
            self._stream.close()
            raise RefusedError(f"{self._file} is not a bundle: {error}", fix=_AGAIN) from error
        return self._archive

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._archive.close()
        self._stream.close()
        if isinstance(error, tarfile.TarError | EOFError | KeyError | ValueError | zstd_error()):
            raise RefusedError(f"{self._file} is damaged: {error}", fix=_AGAIN) from error


def _read_head(archive: tarfile.TarFile, file: Path) -> tuple[BundleHead, Mapping[str, Any]]:
    first = archive.next()
    stream = None if first is None or first.name != _HEAD or first.size > _LONGEST_HEAD else archive.extractfile(first)
    if stream is None:
        raise RefusedError(f"{file} is not a bundle: it does not begin with {_HEAD}", fix=_AGAIN)
    document: Mapping[str, Any] = json.loads(stream.read())
    if document.get("format") != FORMAT:
        raise RefusedError(
            f"{file} has format {document.get('format')}, this bootstrap reads format {FORMAT}",
            fix="create it again with this version: bootstrap bundle create FILE",
        )
    return head_of(document), document


def _refuse_full(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _MARGIN_BYTES:
        raise RefusedError(
            f"{free >> 20} MiB are free in {folder.parent}; unpacking the bundle needs {(size + _MARGIN_BYTES) >> 20}",
            fix="free space, or set XDG_CACHE_HOME to another folder",
        )


def _unpacked(archive: tarfile.TarFile, folder: Path, cancel: CancelToken) -> Iterator[tuple[str, str]]:
    while (member := archive.next()) is not None:
        cancel.check()
        safe = tarfile.data_filter(member, str(folder))
        target = folder / safe.name
        private_folder(target.parent)
        if safe.issym():
            target.symlink_to(safe.linkname)
            yield safe.name, f"{_LINK}{safe.linkname}"
        elif safe.isfile() and (stream := archive.extractfile(member)) is not None:
            yield safe.name, _written(stream, target, member.mode & 0o700, cancel)
        else:
            raise ValueError(f"{member.name} is neither a file nor a link")


def _written(stream: IO[bytes], target: Path, mode: int, cancel: CancelToken) -> str:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            yield piece

    write_sparsely(target, pieces(), mode, cancel)
    return digest.hexdigest()


def _entries(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_file():
            yield path.relative_to(folder)


def _sum_of(file: Path, cancel: CancelToken) -> str:
    if file.is_symlink():
        return f"{_LINK}{file.readlink()}"
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            cancel.check()
            digest.update(piece)
    return digest.hexdigest()


def _add_path(archive: tarfile.TarFile, folder: Path, path: Path, cancel: CancelToken) -> None:
    cancel.check()
    entry, file = _entry(str(path)), folder / path
    if file.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(file.readlink())
        archive.addfile(entry)
        return
    entry.mode = 0o700 if os.access(file, os.X_OK) else 0o600
    with file.open("rb") as stream:
        _add(archive, entry, stream, file.stat().st_size)


def _add(archive: tarfile.TarFile, entry: tarfile.TarInfo, stream: IO[bytes], size: int) -> None:
    entry.size = size
    archive.addfile(entry, stream)


def _entry(name: str) -> tarfile.TarInfo:
    """Without time and owner, which would make every bundle another one."""
    entry = tarfile.TarInfo(name)
    entry.mode = 0o600
    return entry
