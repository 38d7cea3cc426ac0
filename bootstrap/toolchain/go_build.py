"""The second source: a build with Go, from sources whose digests are pinned."""

import importlib.resources
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from bootstrap.model.count import counted
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.logged_run import LoggedRun
from bootstrap.toolchain.programs import GoInstall, GoModule
from bootstrap.toolchain.source import Origin, Wish

_BUILD_SECONDS = 45 * 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GoBuilds:
    """Builds programs. What an interrupted build compiled stays in Go's own cache: the next one goes on from there."""

    go: Callable[[], tuple[Path, str]]
    """Finds, or fetches, an accepted Go and its version; asked only when something is built."""
    processes: Processes
    environment: Mapping[str, str]
    logs: Path
    modules: Path
    """Where Go keeps sources when the home folder cannot be written."""

    def get(self, wish: Wish, build: GoInstall | GoModule, work: Work) -> Origin:
        """Put the program into the wish's folder.

        Raises:
            CannotGiveError: sources out of reach, or the build failed; the log is kept.
        """
        go, version = self.go()
        within = work.cancel.within(_BUILD_SECONDS, f"building {wish.program.name}")
        command = self._command(go, wish, build)
        logged = LoggedRun(processes=self.processes, log=self.logs / f"build-{wish.program.name}.log")
        logged.begin()
        logged.run(
            command,
            within,
            lambda seconds, lines: work.notify(f"building {wish.program.name}, {seconds:.0f}s: {_so_far(lines)}"),
        )
        return Origin(version=wish.program.default_version, source=f"built with go {version}", path=wish.program.name)

    def _command(self, go: Path, wish: Wish, build: GoInstall | GoModule) -> Command:
        argv, cwd = self._arguments(wish, build)
        return Command(argv=(str(go), *argv), env=self._environment(wish), cwd=cwd)

    def _arguments(self, wish: Wish, build: GoInstall | GoModule) -> tuple[tuple[str, ...], Path]:
        match build:
            case GoInstall():
                version = f"v{wish.program.default_version}"
                setting = f" -X {build.version_variable}={version}" if build.version_variable else ""
                return ("install", "-v", "-ldflags", f"-s -w{setting}", f"{build.package}@{version}"), wish.folder
            case GoModule():
                flags = f"-s -w {build.link}".strip()
                return ("build", "-v", "-ldflags", flags, "-o", str(wish.target), build.package), module_folder(build)
            case _:
                assert_never(build)

    def _environment(self, wish: Wish) -> dict[str, str]:
        """Flags as others who build the same sources use them: Go's cache then serves all of them."""
        fixed = {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-trimpath -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GOBIN": str(wish.folder),
        }
        return {**self.environment, **self._places(), **fixed}

    def _places(self) -> dict[str, str]:
        """Folders for Go where its own choice would not do: no home, or one that is read only."""
        home = self.environment.get("HOME", "")
        places = {}
        if "GOPATH" not in self.environment and not (home and _writable(Path(home) / "go")):
            places["GOPATH"] = str(private_folder(self.modules))
        caches = self.environment.get("XDG_CACHE_HOME") or (home and str(Path(home) / ".cache"))
        if "GOCACHE" not in self.environment and not (caches and _writable(Path(caches))):
            places["GOCACHE"] = str(private_folder(self.modules) / "build")
        return places


def module_folder(build: GoModule) -> Path:
    """Where our small Go module lies."""
    return Path(str(importlib.resources.files("bootstrap.toolchain"))) / build.folder


def _so_far(lines: Sequence[str]) -> str:
    """How far Go is: `-v` names every module it downloads and every package it compiles."""
    if not lines:
        return "linking what Go's cache has"
    downloaded = sum(line.startswith("go: downloading ") for line in lines)
    return f"{counted(downloaded, 'module')} downloaded, {counted(len(lines) - downloaded, 'package')} compiled"


def _writable(folder: Path) -> bool:
    """Whether a file can be made in it, or it can be made itself."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
