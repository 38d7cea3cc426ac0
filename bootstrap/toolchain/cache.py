"""The cache of programs: each whole or not there, made by one run at a time."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.work import Work
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import Program, PythonPackage
from bootstrap.toolchain.source import Origin

_LOCK_SECONDS = 60 * 60.0
_POLL_SECONDS = 0.2
_SAY_SECONDS = 10.0
_ORIGIN = "origin.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Programs by name, version and machine: `NAME/VERSION/SYSTEM-MACHINE/`."""

    root: Path
    platform: Platform

    def place(self, program: Program, version: str) -> Path:
        """The folder of one version."""
        machine = f"{self.platform.system}-{self.platform.machine}"
        if isinstance(program.build, PythonPackage):
            # Its packages are for this Python alone, whose version a new system may raise.
            machine = f"{machine}-{sys.implementation.cache_tag}"
        return self.root / program.name / version / machine

    def find(self, program: Program) -> tuple[Path, Origin] | None:
        """The best version that is here, and where it came from."""
        for version in program.versions:
            place = self.place(program, version)
            # What cannot be read is brought again: a cache.
            with contextlib.suppress(OSError, ValueError, TypeError):
                origin = Origin(**json.loads((place / _ORIGIN).read_bytes()))
                if os.access(place / origin.path, os.X_OK):
                    return place / origin.path, origin
        return None

    @contextlib.contextmanager
    def claim(self, name: str, work: Work) -> Iterator[None]:
        """Be the only run that gets this; waits for another one, naming it. The system frees it however we end.

        Raises:
            DeadlineError: the other run took too long; names it.
        """
        file = private_folder(self.root / ".locks") / name
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for(
                descriptor,
                work.cancel,
                lambda: work.notify(f"waiting for {_holder(descriptor)}, which downloads {name}"),
            )
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def workplace(self, name: str) -> Iterator[Path]:
        """An empty folder beside the programs, gone afterwards; also those that killed runs left. Hold the claim."""
        folder = private_folder(self.root / ".work")
        for left in folder.glob(f"{name}.*"):
            shutil.rmtree(left)
        path = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}."))
        try:
            yield path
        finally:
            if path.exists():
                shutil.rmtree(path)

    def keep(self, program: Program, origin: Origin, folder: Path) -> Path:
        """Move a finished folder to its place, at once and whole; the program in it. Hold the claim."""
        write_whole(folder / _ORIGIN, json.dumps(asdict(origin)).encode())
        place = self.place(program, origin.version)
        private_folder(place.parent)
        if place.exists():
            shutil.rmtree(place)
        folder.rename(place)
        return place / origin.path

    def drop(self, program: Program) -> None:
        """Take every version of it out of the cache."""
        for version in program.versions:
            if self.place(program, version).exists():
                shutil.rmtree(self.place(program, version))


def _wait_for(descriptor: int, cancel: CancelToken, tell: Callable[[], None]) -> None:
    within = cancel.within(_LOCK_SECONDS, "another run that downloads the same program")
    reported = -_SAY_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = within.clock.monotonic()
            if now - reported >= _SAY_SECONDS:
                reported = now
                tell()
            within.sleep(_POLL_SECONDS)
        else:
            return


def _holder(descriptor: int) -> str:
    return f"pid {os.pread(descriptor, 32, 0).decode() or 'unknown'}"
