"""Writes a report as a folder or as one compressed archive."""

import gzip
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from bootstrap.errors import UsageError
from bootstrap.system.compressed import open_zstd
from bootstrap.system.files import private_folder

CONTENTS = "report.json"
"""Names what is in a report; a folder that has it may be replaced by a newer report."""
_SUFFIXES = (".tar.zst", ".tar.gz", ".tgz")


def is_archive(output: Path) -> bool:
    """Whether the report becomes one file."""
    return output.name.endswith(_SUFFIXES)


def check_output(output: Path) -> None:
    """Return if a report can be written there.

    Raises:
        UsageError: it is a file of another form, or a folder that holds something else.
    """
    if is_archive(output):
        if output.is_dir():
            raise UsageError(
                f"--output {output}: is a folder", fix="name a file that ends in .tar.zst, or a new folder"
            )
        return
    if output.exists() and not output.is_dir():
        raise UsageError(
            f"--output {output}: is a file", fix=f"name a folder, or a file that ends in {' or '.join(_SUFFIXES)}"
        )
    if output.is_dir() and any(output.iterdir()) and not (output / CONTENTS).is_file():
        raise UsageError(f"--output {output}: holds something other than a report", fix="name a new folder")


def write_output(output: Path, files: Mapping[str, str]) -> None:
    """Write the files, readable by their owner only: the folder or the archive is whole, or as it was.

    Raises:
        OSError: the disk does not allow it.
    """
    contents = {**{name: text.encode() for name, text in files.items()}, CONTENTS: _contents(files)}
    if is_archive(output):
        _write_archive(output, contents)
    else:
        _write_folder(output, contents)


def _contents(files: Mapping[str, str]) -> bytes:
    listed = {name: len(text.encode()) for name, text in files.items()}
    return (json.dumps({"version": 1, "kind": "Report", "files": listed}, indent=2) + "\n").encode()


def _write_folder(output: Path, files: Mapping[str, bytes]) -> None:
    private_folder(output.parent)
    beside = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        for name, content in files.items():
            file = beside / name
            private_folder(file.parent)
            file.touch(mode=0o600)
            file.write_bytes(content)
        if output.exists():
            check_output(output)
            shutil.rmtree(output)
        beside.replace(output)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_archive(output: Path, files: Mapping[str, bytes]) -> None:
    private_folder(output.parent)
    folder = output.name
    for suffix in _SUFFIXES:
        folder = folder.removesuffix(suffix)
    with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as stream:
        beside = Path(stream.name)
        try:
            with _compressed(output, stream) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
                for name, content in files.items():
                    entry = tarfile.TarInfo(f"{folder or 'report'}/{name}")
                    entry.size, entry.mode = len(content), 0o600
                    archive.addfile(entry, io.BytesIO(content))
            beside.replace(output)
        finally:
            beside.unlink(missing_ok=True)


def _compressed(output: Path, stream: IO[bytes]) -> IO[bytes]:
    """The stream, compressed: an object of bytes in all that tarfile uses of it."""
    if not output.name.endswith(".tar.zst"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="wb", mtime=0))
    return open_zstd(stream, "wb")
