"""A snapshot as one file: a compressed tar archive with the digest of everything in it, for another machine."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from bootstrap.errors import RefusedError
from bootstrap.model.snapshot import Manifest
from bootstrap.model.stack import StatePaths
from bootstrap.state.snapshots import (
    MANIFEST,
    folder_of,
    is_whole,
    manifest_in,
    partial_folder,
    read_manifest,
    remove_partial,
    write_manifest,
)
from bootstrap.system.clock import CancelToken
from bootstrap.system.copies import write_sparsely
from bootstrap.system.files import private_folder

_DIGESTS = "digests.json"
_LEVEL = 3
"""Of gzip: what compresses well is mostly zeros."""
_PIECE = 1 << 20
_MARGIN_BYTES = 64 << 20
_LONGEST_HEAD = 64 << 20


def export_snapshot(state: StatePaths, name: str, file: Path, cancel: CancelToken) -> Manifest:
    """Write the snapshot into the file (0600), whole or not at all.

    Raises:
        RefusedError: there is no such snapshot, or it is damaged.
    """
    manifest, folder = read_manifest(state, name), folder_of(state, name)
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.touch(mode=0o600)
        partial.chmod(0o600)
        digests = {str(path): _digest(folder / path, cancel) for path in _files(folder)}
        with tarfile.open(partial, "w:gz", compresslevel=_LEVEL) as archive:
            _add_text(archive, _DIGESTS, json.dumps(digests, indent=1))
            for path in (Path(MANIFEST), *(path for path in _entries(folder) if path != Path(MANIFEST))):
                cancel.check()
                archive.add(folder / path, arcname=str(path), recursive=False, filter=_anonymous)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def import_snapshot(
    state: StatePaths, file: Path, cancel: CancelToken, *, name: str = "", overwrite: bool = False
) -> Manifest:
    """Bring the snapshot of a file into the stack's state folder; `name`: instead of its own.

    With `overwrite` it replaces one of its name.

    Raises:
        RefusedError: it is not a snapshot, damaged, of another stack or format, or one of its name is here.
    """
    remove_partial(state)
    partial = private_folder(partial_folder(state, "import"))
    try:
        with tarfile.open(file, "r:gz") as archive:
            manifest = _unpacked(archive, partial, state, cancel)
        name = name or manifest.name
        target = folder_of(state, name)
        if target.exists() and not overwrite:
            raise RefusedError(
                f"there is a snapshot {name} already",
                fix=f"remove it: bootstrap snapshot rm {name}; or give this one another name, after FILE",
            )
        if name != manifest.name:
            manifest = manifest.named(name)
            write_manifest(partial, manifest)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise RefusedError(f"{file} cannot be imported: {error}", fix="export it again") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _unpacked(archive: tarfile.TarFile, folder: Path, state: StatePaths, cancel: CancelToken) -> Manifest:
    members = iter(archive)
    digests = _digests(archive, next(members, None))
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    for member in members:
        cancel.check()
        target = folder / tarfile.data_filter(member, str(folder)).name
        if member.isdir():
            private_folder(target)
        elif member.isfile() and (stream := archive.extractfile(member)) is not None:
            if manifest is None:
                _refuse_unless(member.name == MANIFEST, f"{member.name} comes before {MANIFEST}")
            found[member.name] = _written(stream, target, member.mode & 0o700, cancel)
            _refuse_unless(found[member.name] == digests.get(member.name), f"{member.name} has another digest")
            manifest = manifest or _accepted(folder, state)
        else:
            raise RefusedError(f"{member.name} is neither a file nor a folder")
    missing = [path for path in digests if path not in found]
    _refuse_unless(not missing, f"{', '.join(missing[:1])} is missing")
    _refuse_unless(manifest is not None and is_whole(folder), f"{MANIFEST} is missing")
    return manifest_in(folder)


def _accepted(folder: Path, state: StatePaths) -> Manifest:
    """The manifest, read before anything else is written."""
    manifest = manifest_in(folder)
    if manifest.stack != state.folder.name:
        raise RefusedError(
            f"the snapshot is of stack {manifest.stack} in {manifest.project}, this is stack {state.folder.name}",
            fix="use it in a project at the same path: that path is part of a stack's identity",
        )
    free = shutil.disk_usage(folder).free
    if free < manifest.size + _MARGIN_BYTES:
        raise RefusedError(f"the disk of {folder.parent} is too full", fix="make room: bootstrap snapshot rm NAME")
    return manifest


def _digests(archive: tarfile.TarFile, first: tarfile.TarInfo | None) -> Mapping[str, str]:
    _refuse_unless(first is not None and first.name == _DIGESTS and first.size < _LONGEST_HEAD, "it is not a snapshot")
    assert first is not None  # noqa: S101 - just checked
    stream = archive.extractfile(first)
    content: Any = json.loads(stream.read() if stream is not None else b"")
    return {str(path): str(digest) for path, digest in content.items()}


def _written(stream: IO[bytes], target: Path, mode: int, cancel: CancelToken) -> str:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            yield piece

    private_folder(target.parent)
    write_sparsely(target, pieces(), mode, cancel)
    return digest.hexdigest()


def _digest(file: Path, cancel: CancelToken) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            cancel.check()
            digest.update(piece)
    return digest.hexdigest()


def _entries(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.rglob("*")):
        if not entry.is_symlink():
            yield entry.relative_to(folder)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in _entries(folder) if (folder / path).is_file())


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text.encode()), 0o600
    archive.addfile(entry, io.BytesIO(text.encode()))


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _refuse_unless(holds: bool, why: str) -> None:  # noqa: FBT001 - reads like a sentence
    if not holds:
        raise RefusedError(f"the file is damaged: {why}", fix="export it again")
