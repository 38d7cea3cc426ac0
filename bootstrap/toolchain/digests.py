"""The project's lock file: what was once verified stays the same for everybody."""

import re
from dataclasses import dataclass
from pathlib import Path

from bootstrap.engine.files import write_whole
from bootstrap.errors import InvalidError, Place, Problem, RefusedError

_HEADER = "# SHA-256 of every program that was downloaded: NAME VERSION SYSTEM/MACHINE DIGEST. Commit this file.\n"
_LINE = re.compile(r"(\S+ \S+ \S+) ([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """Digests of downloads, by `NAME VERSION SYSTEM/MACHINE`. One that cannot be written is read only."""

    file: Path | None

    def digest(self, key: str) -> str | None:
        """The digest this download must have; None when it was never seen.

        Raises:
            InvalidError: lines that are none; all of them.
        """
        return self._read().get(key)

    def keep(self, key: str, digest: str) -> None:
        """Hold on to a digest that was verified.

        Raises:
            RefusedError: another one was kept before: the publisher's file has changed, or is not the publisher's.
        """
        known = self._read()
        if known.get(key, digest) != digest:
            raise drift(key, digest, known[key], self.file)
        if self.file is None or key in known:
            return
        lines = [f"{name} {value}\n" for name, value in sorted({**known, key: digest}.items())]
        write_whole(self.file, "".join([_HEADER, *lines]).encode(), mode=0o644)

    def _read(self) -> dict[str, str]:
        if self.file is None or not self.file.exists():
            return {}
        known: dict[str, str] = {}
        problems = []
        for number, line in enumerate(self.file.read_text().splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            matched = _LINE.fullmatch(line.strip())
            if matched is None:
                place = Place(file=str(self.file), line=number)
                problems.append(Problem(place=place, text="not a line of NAME VERSION SYSTEM/MACHINE DIGEST"))
            else:
                known[matched[1]] = matched[2]
        if problems:
            raise InvalidError(problems, fix="take these lines out; the digests are verified anew")
        return known


def drift(key: str, digest: str, locked: str, file: Path | None) -> RefusedError:
    """The error for a download that is not what it was."""
    return RefusedError(
        f"the download of {key} is not the one that the lock file knows",
        evidence=(f"locked:     sha256:{locked}", f"downloaded: sha256:{digest}"),
        fix=f"find out why it changed; only if the new one is right, take the line out of {file}",
    )
