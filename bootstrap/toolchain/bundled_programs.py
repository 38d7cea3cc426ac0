"""Programs in a bundle: their folders of the cache, and for Python packages the wheels of their environments."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleItem, ItemKind
from bootstrap.system.copies import copy_folder
from bootstrap.system.work import Work
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.obtain import Sources
from bootstrap.toolchain.programs import PROGRAMS, Program, PythonPackage
from bootstrap.toolchain.source import CannotGiveError, Wish

_PROGRAMS = "programs"
_WHEELS = "wheels"


@dataclass(frozen=True, kw_only=True, slots=True)
class BundledPrograms:
    """Copies programs between the cache of this machine and the folder of a bundle."""

    store: Store
    sources: Sources

    def save(self, names: Sequence[str], folder: Path, work: Work) -> tuple[BundleItem, ...]:
        """Copy these programs, fetched or built if the cache lacks them: what is on PATH is of this machine alone.

        Raises:
            RefusedError: no source has one of them.
        """
        return tuple(self._save(PROGRAMS[name], folder, work) for name in names)

    def load(self, folder: Path, missing: Collection[str], work: Work) -> None:
        """Bring what the cache lacks into it, and install the packages of those programs that are missing.

        Raises:
            RefusedError: the packages of a program do not fit this Python.
        """
        for place in sorted((folder / _PROGRAMS).glob("*/*/*")):
            self._adopt(place, work)
        for wheels in sorted((folder / _WHEELS).glob("*")):
            if wheels.name not in missing:
                continue
            self._install(PROGRAMS[wheels.name], wheels, work)

    def _save(self, program: Program, folder: Path, work: Work) -> BundleItem:
        if isinstance(program.build, PythonPackage):
            self._download(program, program.build, folder / _WHEELS / program.name, work)
            return BundleItem(kind=ItemKind.PROGRAM, name=program.name, version=program.default_version)
        work.notify(f"adding {program.name}")
        self.sources.bring(program, work)
        kept = self.store.find(program)
        assert kept is not None  # noqa: S101 - it was just brought
        path, origin = kept
        for place in self._places(path, self.store.place(program, origin.version)):
            target = folder / _PROGRAMS / place.relative_to(self.store.root)
            if not target.exists():
                copy_folder(place, target, work.cancel)
        digest = "" if origin.sha256 is None else f"sha256:{origin.sha256}"
        return BundleItem(kind=ItemKind.PROGRAM, name=program.name, version=origin.version, digest=digest)

    def _download(self, program: Program, build: PythonPackage, folder: Path, work: Work) -> None:
        work.notify(f"downloading the packages of {program.name}")
        try:
            self.sources.environments.download(build, folder, work)
        except CannotGiveError as error:
            raise RefusedError(f"the packages of {program.name} cannot be downloaded: {error}") from error

    def _places(self, path: Path, place: Path) -> Iterator[Path]:
        """The folder of a program, and that of the one that it is a name of."""
        yield place
        if path.is_symlink():
            inside = path.resolve().relative_to(self.store.root.resolve())
            yield self.store.root.joinpath(*inside.parts[:3])

    def _adopt(self, place: Path, work: Work) -> None:
        name, version, machine = place.parts[-3:]
        target = self.store.root / name / version / machine
        with self.store.claim(name, work):
            if target.exists():
                return
            with self.store.workplace(name) as workplace:
                copied = workplace / machine
                copy_folder(place, copied, work.cancel)
                self.store.root.joinpath(name, version).mkdir(mode=0o700, parents=True, exist_ok=True)
                copied.rename(target)

    def _install(self, program: Program, wheels: Path, work: Work) -> None:
        build = program.build
        if not isinstance(build, PythonPackage):
            raise RefusedError(f"the bundle has packages of {program.name}, which is not a Python program")
        with self.store.claim(program.name, work):
            if self.store.find(program) is not None:
                return
            with self.store.workplace(program.name) as workplace:
                wish = Wish(program=program, platform=self.store.platform, folder=workplace)
                try:
                    origin = self.sources.environments.get(wish, build, work, wheels=wheels)
                except CannotGiveError as error:
                    raise RefusedError(
                        f"{program.name} cannot be installed from the bundle: {error}",
                        fix="use the Python version that the bundle was made with, or create it again with this one",
                    ) from error
                self.store.keep(program, origin, workplace)
