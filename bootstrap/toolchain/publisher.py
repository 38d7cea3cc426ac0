"""The first source: the publisher's own download, verified."""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.download import Downloads
from bootstrap.toolchain.lockfile import LockFile, drift
from bootstrap.toolchain.programs import Download
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish
from bootstrap.toolchain.unpack import extract_member

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Official:
    """Downloads what the publisher offers."""

    downloads: Downloads
    lock: LockFile

    def get(self, wish: Wish, work: Work) -> Origin:
        """Put the program into the wish's folder.

        The digest that the lock file knows decides; if it knows none, the publisher's checksum file does, and
        the digest is kept.

        Raises:
            CannotGiveError: the publisher is out of reach, or has no such file.
            RefusedError: the file is not what its publisher, or the lock file, gives.
        """
        offered = wish.program.download
        if offered is None:
            raise CannotGiveError("its publisher offers no download for this machine")
        url = wish.filled(offered.url)
        key = f"{wish.program.name} {wish.program.default_version} {wish.platform}"
        locked = self.lock.digest(key)
        expected = locked or self._published(offered, wish, work.cancel)
        file, digest = self._verified(url, expected, work)
        if digest != expected:
            file.unlink()
            raise drift(key, digest, locked, self.lock.file) if locked else _mismatch(url, digest, expected)
        self._place(file, offered, wish)
        self.lock.keep(key, digest, work.notify)
        return Origin(
            version=wish.program.default_version, source=f"download from {url}", path=wish.program.name, sha256=digest
        )

    def _published(self, offered: Download, wish: Wish, cancel: CancelToken) -> str:
        if offered.checksums is None:
            raise CannotGiveError("its publisher offers no checksum, and the lock file has none")
        url = wish.filled(offered.checksums)
        digest = published_digest(self.downloads.text(url, cancel), wish.filled(offered.url).rpartition("/")[2])
        if digest is None:
            raise CannotGiveError(f"{url} has no SHA-256 of {wish.filled(offered.url).rpartition('/')[2]}")
        return digest

    def _verified(self, url: str, expected: str, work: Work) -> tuple[Path, str]:
        """The file and its digest. A wrong one is fetched once more from the start: parts of two files may have met."""
        file = self.downloads.file(url, work)
        digest = file_digest(file)
        if digest != expected:
            file.unlink()
            file = self.downloads.file(url, work)
            digest = file_digest(file)
        return file, digest

    def _place(self, file: Path, offered: Download, wish: Wish) -> None:
        if offered.member is None:
            shutil.move(file, wish.target)
            wish.target.chmod(0o755)
        else:
            extract_member(file, wish.filled(offered.member), wish.target)
            file.unlink()


def published_digest(text: str, name: str) -> str | None:
    """The SHA-256 of `name` in a checksum file: a bare digest, or lines of `DIGEST  PATH`; else None."""
    for line in text.splitlines():
        digest, _, path = line.strip().partition(" ")
        if _DIGEST.fullmatch(digest) and path.strip().lstrip("*").rpartition("/")[2] in {"", name}:
            return digest.lower()
    return None


def file_digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mismatch(url: str, digest: str, expected: str) -> RefusedError:
    return RefusedError(
        f"{url} does not match the checksum of its publisher",
        evidence=(f"published:  sha256:{expected}", f"downloaded: sha256:{digest}"),
        fix="something on the network changes files: try another network, or name the program by --tool",
    )
