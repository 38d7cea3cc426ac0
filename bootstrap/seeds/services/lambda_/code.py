"""Code for functions and layers: the same source gives the same bytes, on every machine."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = frozenset({"__pycache__", ".git", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_UNIX = 3


def packed(source: Path) -> bytes:
    """A zip of the folder's contents, or of the one file; a file that is a zip stays as it is."""
    if source.is_file() and zipfile.is_zipfile(source):
        return source.read_bytes()
    files = dict(_files(source)) if source.is_dir() else {source.name: source}
    return _zipped((name, files[name].stat().st_mode, files[name].read_bytes()) for name in sorted(files))


def noted(text: str) -> bytes:
    """A zip that holds nothing but a note."""
    return _zipped([("README", 0, text.encode())])


def _zipped(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    archive = io.BytesIO()
    # Stored, not deflated: libraries that compress differ from machine to machine.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        for name, mode, content in entries:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = (0o755 if mode & 0o100 else 0o644) << 16
            writer.writestr(entry, content)
    return archive.getvalue()


def code_hash(content: bytes) -> str:
    """As AWS returns it: CodeSha256."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in folder.rglob("*"):
        inside = file.relative_to(folder)
        if file.is_file() and file.suffix != ".pyc" and not _LEFT_OUT & set(inside.parts):
            yield inside.as_posix(), file
