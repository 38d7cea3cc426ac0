"""The real programs, for tests that start them, and programs that are scripts, for tests that break them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Toolchain, ToolchainSettings


def real_programs() -> Toolchain:
    """As the command line finds them: `BOOTSTRAP_TOOL_…`, PATH, the cache; else fetched or built, which takes long."""
    clock = SystemClock()
    settings = ToolchainSettings(cache=user_cache_path("bootstrap"), environment=os.environ)
    return Toolchain(settings, SystemProcesses(clock), Work(CancelToken(clock)))


@dataclass(frozen=True, kw_only=True)
class GivenPrograms:
    """Programs at known places."""

    paths: Mapping[str, Path]
    versions: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        return self.paths[name]

    def version(self, name: str) -> str:
        return self.versions[name]

    def present(self, name: str) -> str | None:
        return self.versions.get(name)


def script(file: Path, text: str) -> Path:
    """An executable shell script."""
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file
