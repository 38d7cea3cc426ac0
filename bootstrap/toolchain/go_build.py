"""The second source: a build with Go, from sources whose digests are pinned."""

import importlib.resources
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, CommandFailedError, Finished, Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.programs import GoInstall, GoModule
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish

_BUILD_SECONDS = 45 * 60.0
_SAY_SECONDS = 5.0


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
        log = private_folder(self.logs) / f"build-{wish.program.name}.log"
        log.write_bytes(b"")
        try:
            _watch(
                lambda: self.processes.run(_logged(command, log), within),
                within,
                lambda seconds: work.say(f"building {wish.program.name}, {seconds:.0f}s: {_so_far(log)}"),
            )
        except CommandFailedError as error:
            last = "; ".join(log.read_text(errors="replace").splitlines()[-3:]) or _silent(error, log)
            raise CannotGiveError(f"{command} failed: {last} (log: {log})") from error
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


def _logged(command: Command, log: Path) -> Command:
    """The same command with its output in the log, which can be read while it runs."""
    argv = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', str(log), *command.argv)
    return Command(argv=argv, env=command.env, cwd=command.cwd, tethered=True)


def _silent(error: CommandFailedError, log: Path) -> str:
    """What is known of a build that printed nothing: its log lies on the disk that it fills."""
    free = shutil.disk_usage(log.parent).free >> 20
    return f"exit code {error.finished.returncode} without output; {free} MiB are free on the disk of {log.parent}"


def _watch(work: Callable[[], Finished], cancel: CancelToken, tell: Callable[[float], None]) -> None:
    """Do the work in a thread, reporting every few seconds how long it has taken; its error is raised here."""
    ended = threading.Event()

    def end(_future: Future[Finished]) -> None:
        ended.set()

    began = cancel.clock.monotonic()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="build") as pool:
        future = pool.submit(work)
        future.add_done_callback(end)
        while not cancel.clock.wait(ended, _SAY_SECONDS):
            tell(cancel.clock.monotonic() - began)
        future.result()


def _so_far(log: Path) -> str:
    """How far Go is: `-v` names every module it downloads and every package it compiles."""
    lines = log.read_text(errors="replace").splitlines()
    if not lines:
        return "linking what Go's cache has"
    downloaded = sum(line.startswith("go: downloading ") for line in lines)
    return f"{downloaded} modules downloaded, {len(lines) - downloaded} packages compiled"


def _writable(folder: Path) -> bool:
    """Whether a file can be made in it, or it can be made itself."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
