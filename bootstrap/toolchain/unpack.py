"""Programs out of the archives they come in."""

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from bootstrap.errors import RefusedError


def extract_member(archive: Path, member: str, target: Path) -> None:
    """Write one file of a .tar.gz or .zip (.whl) to `target`, executable.

    Raises:
        RefusedError: the archive cannot be read, or has no such file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened, opened.open(member) as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream)
        else:
            _extract_from_tar(archive, member, target)
    except (KeyError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise RefusedError(f"{archive.name} does not hold {member}: {error}") from error
    target.chmod(0o755)


def _extract_from_tar(archive: Path, member: str, target: Path) -> None:
    with tarfile.open(archive, "r:*") as opened:
        source = opened.extractfile(member)
        if source is None:
            raise KeyError(member)
        with source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream)


def extract_tree(archive: Path, folder: str, target: Path) -> None:
    """Write everything below one folder of a .zip (.whl) to `target`, with the permissions it was packed with.

    Raises:
        RefusedError: the archive cannot be read, or a name in it points outside.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                name = PurePosixPath(entry.filename)
                if name.parts[:1] != (folder,) or entry.is_dir():
                    continue
                if ".." in name.parts:
                    raise RefusedError(f"{archive.name} holds a name that points outside: {entry.filename}")
                place = target.joinpath(*name.parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, place.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                place.chmod((entry.external_attr >> 16) & 0o777 or 0o644)
    except (OSError, zipfile.BadZipFile) as error:
        raise RefusedError(f"{archive.name} cannot be unpacked: {error}") from error
