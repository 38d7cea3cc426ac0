"""The project's lock file: what was once verified stays the same for everybody."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import InvalidError, Place, Problem, RefusedError
from bootstrap.model.event import Notify
from bootstrap.system.files import write_whole

_HEADER = "# SHA-256 of every program that was downloaded: NAME VERSION MACHINE DIGEST. Commit this file.\n"
_LINE = re.compile(r"(\S+ \S+ \S+) ([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """Digests of downloads, by `NAME VERSION MACHINE`."""

    file: Path | None

    def digest(self, key: str) -> str | None:
        """The digest this download must have; None when it was never seen.

        Raises:
            InvalidError: lines that are none; all of them.
        """
        return self._read().get(key)

    def keep(self, key: str, digest: str, notify: Notify) -> None:
        """Hold on to a digest that was verified; in a project that cannot be written, say that it is not kept.

        Raises:
            RefusedError: another one was kept before: the publisher's file has changed, or is not the publisher's.
        """
        if self.file is None or self.digest(key) == digest:
            return
        try:
            with _alone(self.file.parent):
                self._add(self.file, key, digest)
        except OSError as error:
            notify(f"the digest of {key} is not saved: {self.file} cannot be written ({error.strerror})")

    def _add(self, file: Path, key: str, digest: str) -> None:
        entries = self._read()
        if entries.setdefault(key, digest) != digest:
            raise drift(key, digest, entries[key], file)
        lines = [f"{name} {value}\n" for name, value in sorted(entries.items())]
        write_whole(file, "".join([_HEADER, *lines]).encode(), mode=0o644)

    def _read(self) -> dict[str, str]:
        if self.file is None or not self.file.exists():
            return {}
        entries: dict[str, str] = {}
        problems = []
        for number, line in enumerate(self.file.read_text().splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            matched = _LINE.fullmatch(line.strip())
            if matched is None:
                place = Place(file=str(self.file), line=number)
                problems.append(Problem(place=place, text="not a line of NAME VERSION MACHINE DIGEST"))
            else:
                entries[matched[1]] = matched[2]
        if problems:
            raise InvalidError(problems, fix="remove these lines; the digests are then verified again")
        return entries


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of all runs in this project, be the only one that changes the file: each writes all of it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def drift(key: str, digest: str, locked: str, file: Path | None) -> RefusedError:
    """The error for a download that is not what it was."""
    return RefusedError(
        f"the download of {key} is not the one in the lock file",
        evidence=(f"locked:     sha256:{locked}", f"downloaded: sha256:{digest}"),
        fix=f"find out why it changed; only if the new one is right, remove the line from {file}",
    )
