"""Finds the programs we drive: named by the user, on PATH, in the cache, or from a source."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bootstrap.errors import RefusedError, UsageError
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.bundled_programs import BundledPrograms
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.download import Downloads
from bootstrap.toolchain.go_build import GoBuilds
from bootstrap.toolchain.lockfile import LockFile
from bootstrap.toolchain.obtain import Sources, unsupported, variable
from bootstrap.toolchain.platforms import Platform, this_platform
from bootstrap.toolchain.programs import PROGRAMS, Program, PythonPackage
from bootstrap.toolchain.publisher import Official
from bootstrap.toolchain.python_environments import PythonEnvironments, installed_version
from bootstrap.toolchain.version_query import Versions
from bootstrap.toolchain.wheels import Wheels


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolchainSettings:
    """What the user and the machine say about programs."""

    cache: Path
    """`$XDG_CACHE_HOME/bootstrap`."""
    environment: Mapping[str, str]
    """PATH, proxies, BOOTSTRAP_MIRROR and BOOTSTRAP_TOOL_… are read from it; programs run with it."""
    given: Mapping[str, Path] = field(default_factory=dict)
    """Programs that the user named, by `--tool` or in settings; before those of the environment."""
    lock_file: Path | None = None
    """Where the digests of downloads are kept; None keeps none."""
    platform: Platform = field(default_factory=this_platform)


class Where(StrEnum):
    """Where a program was found."""

    GIVEN = "given"
    PATH = "PATH"
    CACHE = "cache"
    INSTALLED = "installed"
    """Beside bootstrap, in its own Python environment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A program that will be used."""

    name: str
    version: str
    path: Path
    where: Where
    why: str
    """`on PATH, 4.1.4 is within >=3.17, <5`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A program that is not here."""

    name: str
    why: str
    """What was looked at and not chosen."""
    fetchable: bool
    """Whether it can be brought to this machine."""


class Toolchain:
    """Implements `ports.Programs`. One per run: its token ends downloads and builds, `say` reports them."""

    def __init__(self, settings: ToolchainSettings, processes: Processes, work: Work) -> None:
        unknown = sorted(set(settings.given) - set(PROGRAMS))
        if unknown:
            raise UsageError(f"no program is called {', '.join(unknown)}", fix=f"one of: {', '.join(PROGRAMS)}")
        self._settings = settings
        self._work = work
        self._store = Store(root=settings.cache / "programs", platform=settings.platform)
        self._versions = Versions(
            file=settings.cache / "versions.json", processes=processes, environment=settings.environment
        )
        self._sources = _sources(settings, processes, self._store, self._go)
        self._found: dict[str, Found] = {}
        self._lock = threading.Lock()

    def path(self, name: str) -> Path:
        """See `Programs.path`."""
        return self.obtain(name).path

    def version(self, name: str) -> str:
        """See `Programs.version`."""
        return self.obtain(name).version

    def present(self, name: str) -> str | None:
        """See `Programs.present`."""
        result = self.find(name)
        return result.version if isinstance(result, Found) else None

    def obtain(self, name: str) -> Found:
        """The program, fetched or built when it is missing.

        Raises:
            RefusedError: what the user named is not accepted, or no source can give it.
        """
        result = self.find(name)
        if isinstance(result, Missing):
            # Not under our lock: the claim keeps others from the same program, and only from that.
            self._sources.bring(PROGRAMS[name], self._work)
            result = self._verified(name)
        return result

    def fetch(self, names: Sequence[str]) -> tuple[Found, ...]:
        """All of them, one after the other: compilers use every core already."""
        return tuple(self.obtain(name) for name in names)

    def resolve_all(self, names: Sequence[str] = tuple(PROGRAMS)) -> tuple[Found | Missing, ...]:
        """What is here and what is not; fetches nothing."""
        return tuple(self.find(name) for name in names)

    def find(self, name: str) -> Found | Missing:
        """The program, if it is here; fetches nothing.

        Raises:
            RefusedError: what the user named is not there, or not accepted.
            UsageError: no program is called so.
        """
        if name not in PROGRAMS:
            raise UsageError(f"no program is called {name}", fix=f"one of: {', '.join(PROGRAMS)}")
        with self._lock:
            if name not in self._found:
                result = self._look(PROGRAMS[name])
                if isinstance(result, Missing):
                    return result
                self._found[name] = result
            return self._found[name]

    @property
    def bundled(self) -> BundledPrograms:
        """What copies programs between the cache and a bundle."""
        return BundledPrograms(store=self._store, sources=self._sources)

    def _look(self, program: Program) -> Found | Missing:
        given = self._given(program)
        if given is not None:
            return given
        if isinstance(program.build, PythonPackage):
            return _installed(program, program.build) or self._in_cache(program, ()) or self._missing(program, ())
        on_path, refused = self._on_path(program)
        return on_path or self._in_cache(program, refused) or self._missing(program, refused)

    def _given(self, program: Program) -> Found | None:
        by, path = "--tool or settings", self._settings.given.get(program.name)
        if path is None:
            by, named = variable(program.name), self._settings.environment.get(variable(program.name))
            if not named:
                return None
            path = Path(named)
        path = path.expanduser().absolute()
        version = self._versions.of(program, path, self._work.cancel) if _executable(path) else None
        if version is None or not program.accepted.holds(version):
            reason = f"is {version}" if version else "reports no version" if _executable(path) else "is not a program"
            raise RefusedError(
                f"{program.name}, named by {by}, {reason}; accepted is {program.accepted}: {path}",
                fix=f"name another one, or remove the setting: {program.name} is then looked for and fetched",
            )
        return Found(name=program.name, version=version, path=path, where=Where.GIVEN, why=f"named by {by}")

    def _on_path(self, program: Program) -> tuple[Found | None, tuple[str, ...]]:
        """The first accepted one, and what was said of those before it."""
        refused: list[str] = []
        for folder in self._settings.environment.get("PATH", "").split(os.pathsep):
            path = Path(folder) / program.name
            if not folder or not _executable(path):
                continue
            version = self._versions.of(program, path, self._work.cancel)
            if version is not None and program.accepted.holds(version):
                why = "; ".join((f"on PATH, within {program.accepted}", *refused))
                return Found(name=program.name, version=version, path=path, where=Where.PATH, why=why), ()
            refused.append(f"{path} is not used: {version or 'reports no version'}, not {program.accepted}")
        return None, tuple(refused)

    def _in_cache(self, program: Program, refused: Sequence[str]) -> Found | None:
        here = self._store.find(program)
        if here is None or not program.runs_on(self._settings.platform):
            return None
        path, origin = here
        why = "; ".join((origin.source, *refused))
        return Found(name=program.name, version=origin.version, path=path, where=Where.CACHE, why=why)

    def _missing(self, program: Program, refused: Sequence[str]) -> Missing:
        fetchable = program.runs_on(self._settings.platform)
        here = "not installed" if isinstance(program.build, PythonPackage) else "not on PATH"
        why = f"{here}, not in the cache" if fetchable else unsupported(program, str(self._settings.platform)).what
        return Missing(name=program.name, why="; ".join((*refused, why)), fetchable=fetchable)

    def _verified(self, name: str) -> Found:
        """What was just brought must run here and be what it was meant to be."""
        program, result = PROGRAMS[name], self.find(name)
        version = None if isinstance(result, Missing) else self._versions.of(program, result.path, self._work.cancel)
        if isinstance(result, Missing) or version is None or not program.accepted.holds(version):
            self._store.drop(program)
            raise RefusedError(
                f"{name} was fetched, but reports {version or 'no version'}; accepted is {program.accepted}",
                fix=f"name a program that works here: {variable(name)}=PATH",
            )
        return result

    def _go(self) -> tuple[Path, str]:
        go = self.obtain("go")
        return go.path, go.version


def _sources(
    settings: ToolchainSettings, processes: Processes, store: Store, go: Callable[[], tuple[Path, str]]
) -> Sources:
    lock = LockFile(file=settings.lock_file)
    downloads = Downloads(partial=store.root / ".partial", mirror=settings.environment.get("BOOTSTRAP_MIRROR") or None)
    builds = GoBuilds(
        go=go,
        processes=processes,
        environment=settings.environment,
        logs=settings.cache / "logs",
        modules=settings.cache / "go",
    )
    return Sources(
        store=store,
        official=Official(downloads=downloads, lock=lock),
        builds=builds,
        wheels=Wheels(processes=processes, environment=settings.environment, lock=lock),
        environments=PythonEnvironments(
            processes=processes, environment=settings.environment, logs=settings.cache / "logs"
        ),
    )


def _installed(program: Program, build: PythonPackage) -> Found | None:
    version = installed_version(build)
    if version is None or not program.accepted.holds(version):
        return None
    why = f"installed with bootstrap, within {program.accepted}"
    return Found(name=program.name, version=version, path=Path(sys.executable), where=Where.INSTALLED, why=why)


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
